//! How slow a client may be within one body or one answer. Pure: times and bytes in, a decision out.
//!
//! Only time counts in which we wait for the client. What it spends waiting for us is ours.

use std::time::Duration;

/// The slowest that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Longest wait in which nothing moves, and what all waits together may take beside what the rate allows.
    pub stall_timeout: Duration,
    /// Least bytes a second.
    pub bytes_per_second_min: u64,
}

/// What was waited for so far, and what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Waited {
    /// In all waits that ended.
    pub(super) time: Duration,
    /// Bytes that moved.
    pub(super) bytes: u64,
}

impl Waited {
    /// A wait ended, or there was none, and so many bytes moved.
    pub(super) fn moved(&mut self, waited: Duration, bytes: usize) {
        self.time = self.time.saturating_add(waited);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }
}

impl Pace {
    /// How long the next wait may take. Zero where the client is too slow already.
    pub(super) fn next_wait(&self, waited: Waited) -> Duration {
        let seconds = waited.bytes as f64 / self.bytes_per_second_min.max(1) as f64;
        let for_bytes = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        self.stall_timeout.saturating_add(for_bytes).saturating_sub(waited.time).min(self.stall_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { stall_timeout: Duration::from_secs(30), bytes_per_second_min: 1000 };

    fn next_wait(time: u64, bytes: u64) -> u64 {
        PACE.next_wait(Waited { time: Duration::from_secs(time), bytes }).as_secs()
    }

    #[test]
    fn nobody_is_waited_for_longer_than_the_stall_timeout_at_once() {
        assert_eq!(next_wait(0, 0), 30);
        assert_eq!(next_wait(0, 1_000_000_000), 30);
    }

    #[test]
    fn all_waits_together_have_what_the_bytes_allow_and_one_stall_timeout() {
        assert_eq!(next_wait(29, 1), 1);
        assert_eq!(next_wait(30, 0), 0);
        // A byte each 29 s.
        assert_eq!(next_wait(31, 2), 0);
        assert_eq!(next_wait(100, 90_000), 20);
        assert_eq!(next_wait(100, 100_000), 30);
        assert_eq!(next_wait(u64::MAX, u64::MAX), 0);
    }

    #[test]
    fn a_client_as_slow_as_may_be_is_waited_for_to_the_end() {
        let mut waited = Waited::default();
        for _ in 0..100_000 {
            assert!(PACE.next_wait(waited) >= Duration::from_secs(1));
            waited.moved(Duration::from_secs(1), 1000);
        }
    }
}
