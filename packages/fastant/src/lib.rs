//! A clock in the place of the crate `fastant` 0.1, by a `[patch]` in the workspace's manifest.
//!
//! foyer asks that crate for the time to throttle its disk, which CatGraft does not have it do. But whoever links it pays before
//! `main`: it measures the processor's cycle counter for 20 ms or more, which was two thirds of a pagestore's start, and
//! nearly all that `catgraft --version` took. This one has what foyer calls, with the clock of the standard library. It goes
//! when foyer does without, or `fastant` measures only when it is asked.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{self, Duration},
};

/// What all instants are counted from.
static FIRST: LazyLock<time::Instant> = LazyLock::new(time::Instant::now);

/// A moment of a clock that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    nanos: u64,
}

impl Instant {
    /// This moment.
    pub fn now() -> Self {
        Self { nanos: u64::try_from(FIRST.elapsed().as_nanos()).unwrap_or(u64::MAX) }
    }

    /// The time since an earlier moment; none where it is later.
    pub fn duration_since(&self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

/// A moment that threads share.
#[derive(Debug)]
pub struct Atomic(AtomicU64);

impl Atomic {
    /// Holds a moment.
    pub fn new(instant: Instant) -> Self {
        Self(AtomicU64::new(instant.nanos))
    }

    /// The moment.
    pub fn load(&self, ordering: Ordering) -> Instant {
        Instant { nanos: self.0.load(ordering) }
    }

    /// Replaces the moment.
    pub fn store(&self, instant: Instant, ordering: Ordering) {
        self.0.store(instant.nanos, ordering);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_and_is_kept() {
        let first = Instant::now();
        let clock = time::Instant::now();
        let kept = Atomic::new(first);
        while clock.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        let later = Instant::now();
        assert!(later.duration_since(first) >= Duration::from_millis(2));
        assert_eq!(first.duration_since(later), Duration::ZERO);
        assert_eq!(kept.load(Ordering::Relaxed), first);
        kept.store(later, Ordering::Relaxed);
        assert_eq!(kept.load(Ordering::Relaxed), later);
    }
}
