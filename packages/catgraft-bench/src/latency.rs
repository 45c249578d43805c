//! Latencies: a histogram of nanoseconds, and the few numbers that are told of it.

#[cfg(test)]
mod tests;

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Digits of a latency that are kept.
const DIGITS: u8 = 3;

/// What is told of a latency, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The shortest.
    pub min_us: f64,
    /// The mean.
    pub mean_us: f64,
    /// Half of all are shorter.
    pub p50_us: f64,
    /// Nine of ten are shorter.
    pub p90_us: f64,
    /// 99 of a hundred are shorter.
    pub p99_us: f64,
    /// 999 of a thousand are shorter.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// Latencies as they are gathered.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(Histogram::new(DIGITS).expect("3 digits are possible"))
    }

    /// Adds one.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.0.record(nanos).expect("a histogram without an upper bound grows");
    }

    /// Adds all of another.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("a histogram that grows takes every other");
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// What is told of them.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| micros(self.0.value_at_quantile(quantile));
        Percentiles {
            min_us: micros(self.0.min()),
            mean_us: (self.0.mean() / 10.0).round() / 100.0,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: micros(self.0.max()),
        }
    }
}

/// Nanoseconds of a duration.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// To a hundredth of a microsecond.
#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^53 ns")]
fn micros(nanos: u64) -> f64 {
    (nanos as f64 / 10.0).round() / 100.0
}
