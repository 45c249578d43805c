//! What servers count of themselves: the counters of their `/metrics`, before and after.
//!
//! Only what CatGraft's services count is understood; a server that tells nothing of the kind is asked for nothing else.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::http::{Connection, Server};

/// Names of what is taken: counters of ours, and of histograms nothing.
const PREFIX: &str = "catgraft_";
const SUFFIX: &str = "_total";

/// Counters by name and labels, as Prometheus writes them.
pub(crate) type Counters = BTreeMap<String, f64>;

/// The counters of a server; none where it tells of none.
pub(crate) async fn read(server: &Server) -> Option<Counters> {
    let mut connection = Connection::open(server).await.ok()?;
    let answer = connection.ask(&server.get("/metrics")).await.ok()?;
    if answer.status != 200 {
        return None;
    }
    Some(parse(&String::from_utf8_lossy(answer.body))).filter(|counters| !counters.is_empty())
}

/// The counters of a text in Prometheus' format.
fn parse(text: &str) -> Counters {
    let lines = text.lines().filter(|line| line.starts_with(PREFIX));
    let values = lines.filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        let bare = name.split('{').next().unwrap_or(name);
        bare.ends_with(SUFFIX).then_some((name.to_owned(), value.parse().ok()?))
    });
    values.collect()
}

/// How far the counters have moved; those that stood still are left out.
pub(crate) fn moved(before: &Counters, after: &Counters) -> Counters {
    let change = |(name, value): (&String, &f64)| (name.clone(), value - before.get(name).copied().unwrap_or(0.0));
    after.iter().map(change).filter(|(_, change)| *change != 0.0).collect()
}
