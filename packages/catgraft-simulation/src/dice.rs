//! The one source of chance in a simulation, drawn in the order in which things happen.

use std::{ops::RangeInclusive, time::Duration};

use catgraft_core::{IdSource, Timestamp};
use parking_lot::Mutex;
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::SmallRng};

/// Random numbers from a seed.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<SmallRng>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(seed)))
    }

    /// Does it happen, with this probability?
    pub(crate) fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && self.0.lock().random_bool(probability.min(1.0))
    }

    /// Does it happen, once in so many times?
    pub(crate) fn one_in(&self, times: u32) -> bool {
        self.0.lock().random_ratio(1, times)
    }

    /// A number of a range.
    pub(crate) fn number(&self, range: RangeInclusive<u64>) -> u64 {
        self.0.lock().random_range(range)
    }

    /// A number from 0 to 1.
    pub(crate) fn part(&self) -> f64 {
        self.0.lock().random_range(0.0..=1.0)
    }

    /// A time up to this one.
    pub(crate) fn time(&self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.number(0..=most))
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&self, choices: &[T]) -> T {
        let place = self.0.lock().random_range(0..choices.len());
        choices[place]
    }
}

impl IdSource for Dice {
    fn random(&self) -> [u8; 9] {
        let mut random = [0; 9];
        self.0.lock().fill_bytes(&mut random);
        random
    }
}

/// What everything is counted from: any moment will do that is far enough from the epoch.
const START_MS: u64 = 1_700_000_000_000;

/// A clock of one machine: tokio's, which a simulation pauses, and by how much this machine's differs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MachineClock {
    start: tokio::time::Instant,
    ahead_ms: u64,
}

impl MachineClock {
    /// A clock that is this much ahead of those that are not.
    pub(crate) fn new(start: tokio::time::Instant, ahead: Duration) -> Self {
        Self { start, ahead_ms: u64::try_from(ahead.as_millis()).unwrap_or_default() }
    }
}

impl catgraft_core::Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(START_MS + elapsed + self.ahead_ms)
    }
}
