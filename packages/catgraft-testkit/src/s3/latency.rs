//! How long the double takes: a wait a request, drawn from a seeded generator, and a pace a connection.

use std::{f64::consts::TAU, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::{Deserialize, Serialize};

/// Standard deviations between the median and the 99th percentile.
const P99_DEVIATIONS: f64 = 2.326;
/// No draw lies farther out, so that one request in a million does not take minutes.
const DEVIATIONS_MAX: f64 = 4.0;

/// How long requests wait and how fast bytes move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Wait of what writes: PutObject and DeleteObject.
    #[serde(default)]
    pub put: Delay,
    /// Wait of what reads: all others.
    #[serde(default)]
    pub get: Delay,
    /// Bytes a second that a connection carries each way; without it, as many as it can.
    #[serde(default)]
    pub bytes_per_second: Option<u64>,
}

/// A wait: always the same where both are equal, otherwise log-normal through them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// Half of the requests wait no longer than this.
    pub p50_ms: f64,
    /// One in a hundred waits longer than this.
    pub p99_ms: f64,
}

impl Latency {
    /// No wait, and no pace.
    pub const NONE: Latency = Latency { put: Delay::NONE, get: Delay::NONE, bytes_per_second: None };
    /// S3 as it is seen from a machine in its region.
    pub const S3: Latency = Latency {
        put: Delay { p50_ms: 28.0, p99_ms: 75.0 },
        get: Delay { p50_ms: 25.0, p99_ms: 90.0 },
        bytes_per_second: Some(29_000_000),
    };

    /// Says what can't be meant, if anything.
    pub fn check(&self) -> Result<(), String> {
        for (name, Delay { p50_ms, p99_ms }) in [("put", self.put), ("get", self.get)] {
            let is_usable = p50_ms.is_finite() && p99_ms.is_finite() && 0.0 <= p50_ms && p50_ms <= p99_ms;
            let is_drawable = p50_ms > 0.0 || p99_ms == 0.0;
            if !(is_usable && is_drawable) {
                return Err(format!(
                    "the latency of {name} is p50_ms {p50_ms} and p99_ms {p99_ms}: both must be numbers, p99_ms not \
                     below p50_ms, and p50_ms above 0 unless both are 0"
                ));
            }
        }
        match self.bytes_per_second {
            Some(0) => Err("bytes_per_second is 0: it must be above 0, or not be there".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Delay {
    /// No wait.
    pub const NONE: Delay = Delay { p50_ms: 0.0, p99_ms: 0.0 };

    /// Always this wait.
    pub fn fixed(wait: Duration) -> Self {
        let ms = wait.as_secs_f64() * 1000.0;
        Self { p50_ms: ms, p99_ms: ms }
    }

    fn at(&self, deviations: f64) -> Duration {
        if self.p50_ms <= 0.0 {
            return Duration::ZERO;
        }
        let spread = (self.p99_ms / self.p50_ms).ln() / P99_DEVIATIONS;
        let ms = self.p50_ms * (spread * deviations.clamp(-DEVIATIONS_MAX, DEVIATIONS_MAX)).exp();
        Duration::from_secs_f64(ms / 1000.0)
    }
}

/// Draws waits.
#[derive(Debug)]
pub(super) struct Waits {
    pub(super) latency: Latency,
    random: SmallRng,
}

impl Waits {
    pub(super) fn new(latency: Latency, seed: u64) -> Self {
        Self { latency, random: SmallRng::seed_from_u64(seed) }
    }

    /// The wait of the next request.
    pub(super) fn draw(&mut self, writes: bool) -> Duration {
        let delay = if writes { self.latency.put } else { self.latency.get };
        // Box and Muller: two even draws make a normal one.
        let radius = (-2.0 * (1.0 - self.random.random::<f64>()).ln()).sqrt();
        delay.at(radius * (TAU * self.random.random::<f64>()).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64) -> Vec<Duration> {
        let mut waits = Waits::new(Latency::S3, seed);
        (0..10_000).map(|_| waits.draw(false)).collect()
    }

    #[test]
    fn draws_have_the_percentiles_that_were_asked_for_and_the_seed_decides_them() {
        let mut waits = drawn(7);
        assert_eq!(waits, drawn(7));
        assert_ne!(waits, drawn(8));
        waits.sort_unstable();
        let (p50, p99) = (waits[5_000].as_secs_f64() * 1000.0, waits[9_900].as_secs_f64() * 1000.0);
        assert!((24.0..26.0).contains(&p50), "{p50}");
        assert!((83.0..97.0).contains(&p99), "{p99}");
    }

    #[test]
    fn a_fixed_wait_is_always_the_same_and_none_is_none() {
        let fixed = Latency { put: Delay::fixed(Duration::from_millis(28)), ..Latency::NONE };
        let mut waits = Waits::new(fixed, 1);
        for _ in 0..100 {
            assert_eq!(waits.draw(true), Duration::from_millis(28));
            assert_eq!(waits.draw(false), Duration::ZERO);
        }
    }

    #[test]
    fn a_latency_that_cannot_be_meant_is_refused() {
        let with_get = |p50_ms, p99_ms| Latency { get: Delay { p50_ms, p99_ms }, ..Latency::NONE }.check();
        assert!(with_get(25.0, 90.0).is_ok());
        for (p50, p99) in [(90.0, 25.0), (-1.0, 1.0), (0.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            let error = with_get(p50, p99).unwrap_err();
            assert!(error.contains("get"), "{error}");
        }
        assert!(Latency { bytes_per_second: Some(0), ..Latency::NONE }.check().is_err());
    }
}
