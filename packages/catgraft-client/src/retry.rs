//! How often and how soon a call is tried again.

use std::time::Duration;

/// Attempts with waits between them that double, each shortened by up to a half, so that callers do not come in step.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Attempts in all, at least one.
    pub attempts_max: u32,
    /// Longest wait after the first attempt.
    pub wait_first: Duration,
    /// Longest wait at all.
    pub wait_max: Duration,
}

impl Retry {
    /// One attempt only.
    pub const NEVER: Retry = Retry { attempts_max: 1, wait_first: Duration::ZERO, wait_max: Duration::ZERO };

    /// The wait after this attempt (the first is 1); none where it was the last. `drawn`, from 0 to 1, says how much of
    /// it is waited.
    pub(crate) fn wait_after(&self, attempt: u32, drawn: f64) -> Option<Duration> {
        if attempt >= self.attempts_max {
            return None;
        }
        let doubled = self.wait_first.saturating_mul(1 << (attempt - 1).min(16)).min(self.wait_max);
        Some(doubled.mul_f64(0.5 + drawn / 2.0))
    }
}

impl Default for Retry {
    /// About two seconds in all: long enough for a service that restarts, short enough for a caller that waits. An
    /// attempt that runs into its time-out is the last.
    fn default() -> Self {
        Self { attempts_max: 6, wait_first: Duration::from_millis(50), wait_max: Duration::from_millis(800) }
    }
}
