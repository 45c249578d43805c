//! The results of a folder, by the names of their files.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Serialize;

use crate::{Error, Figures, Outcome, Percentiles};

/// Results by name.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Results(BTreeMap<String, Outcome>);

impl Results {
    /// Reads every `NAME.json` of a folder. A file without content is a measurement that failed, and left out.
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: folder.to_owned(), source };
        let mut results = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else { continue };
            let text = fs::read_to_string(&path).map_err(|source| Error::File { path: path.clone(), source })?;
            if text.trim().is_empty() {
                continue;
            }
            let outcome = serde_json::from_str(&text).map_err(|source| Error::Result { path: path.clone(), source })?;
            results.insert(name.to_owned(), outcome);
        }
        Ok(Self(results))
    }

    #[cfg(test)]
    pub(super) fn of<N: Into<String>>(results: impl IntoIterator<Item = (N, Outcome)>) -> Self {
        Self(results.into_iter().map(|(name, outcome)| (name.into(), outcome)).collect())
    }

    /// What a measurement found; none where it was not made or had errors.
    pub(super) fn figures(&self, name: &str) -> Option<&Figures> {
        self.0.get(name).map(|outcome| &outcome.figures).filter(|figures| figures.errors.count == 0)
    }

    /// A figure of a measurement, in each of its rounds where it was made in rounds (`NAME-round-1` and so on), ascending.
    /// None where there is none, or a round failed.
    pub(super) fn in_rounds(&self, name: &str, figure: impl Fn(&str) -> Option<f64>) -> Option<Rounds> {
        let begin = format!("{name}-round-");
        let rounds = self.0.keys().filter(|key| key.starts_with(&begin)).map(|key| figure(key));
        let mut found: Vec<f64> = rounds.collect::<Option<_>>()?;
        if found.is_empty() {
            found.push(figure(name)?);
        }
        found.sort_unstable_by(f64::total_cmp);
        Some(Rounds(found))
    }

    /// Its rate a second; of rounds, the median.
    pub(super) fn rate(&self, name: &str) -> Option<f64> {
        let rate = |name: &str| self.figures(name).map(|figures| figures.per_second);
        self.in_rounds(name, rate).map(|rounds| rounds.median())
    }

    /// Its bytes of pages a second, in MiB.
    pub(super) fn mebibytes(&self, name: &str) -> Option<f64> {
        self.figures(name).map(|figures| figures.page_bytes_per_second / f64::from(1 << 20))
    }

    /// A latency of it; of a measurement in rounds, of the round that is named.
    pub(super) fn latency(&self, name: &str, of: &str) -> Option<Percentiles> {
        let latencies = &self.figures(name)?.latencies;
        latencies.iter().find(|latency| latency.of == of && latency.count > 0).map(|latency| latency.percentiles)
    }

    /// A percentile of a latency, in each of its rounds.
    pub(super) fn percentile(&self, name: &str, of: &str, which: impl Fn(Percentiles) -> f64) -> Option<Rounds> {
        self.in_rounds(name, |round| self.latency(round, of).map(&which))
    }

    /// Measurements that had errors, with the first of them.
    pub(super) fn failed(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        self.0.iter().filter(|(_, outcome)| outcome.figures.errors.count > 0).map(|(name, outcome)| {
            let errors = &outcome.figures.errors;
            (name.as_str(), errors.count, errors.first.first().map_or("", String::as_str))
        })
    }

    /// The sum of a server's counters whose name begins so, as far as they moved.
    pub(super) fn counted(&self, name: &str, service: &str, begin: &str) -> Option<f64> {
        let counters = self.figures(name)?.counters.get(service)?;
        Some(
            counters
                .iter()
                .filter(|(name, _)| name.starts_with(begin))
                .map(|(_, moved)| moved)
                .fold(0.0, |sum, moved| sum + moved),
        )
    }
}

/// A figure in each round, ascending and at least one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rounds(Vec<f64>);

impl Rounds {
    /// The one in the middle, or between the two in the middle.
    pub(super) fn median(&self) -> f64 {
        let (below, above) = ((self.0.len() - 1) / 2, self.0.len() / 2);
        f64::midpoint(self.0[below], self.0[above])
    }

    /// The highest.
    pub(super) fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }
}
