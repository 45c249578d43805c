//! When a read is late, and whether it may be sent again. No clock and no I/O: it is told what took how long.

use std::time::Duration;

/// Reads of each size that are remembered.
const RECENT: usize = 256;
/// Before so many, nobody knows what is late.
const RECENT_MIN: usize = 32;
/// The percentile is looked for again after so many reads.
const REFRESH: usize = 16;
const PERCENTILE: usize = 95;
/// Nothing that comes sooner is late; timers are no finer.
const LATE_MIN: Duration = Duration::from_millis(2);
/// Reads are compared with others that are no longer than this, or than the last, or longer.
const SIZES: [u64; 2] = [64 * 1024, 512 * 1024];
/// What a hedge costs, where a read earns its per cent.
const COST: u32 = 100;
/// A quiet hour saves up for no more hedges than this.
const SAVED_MAX: u32 = 10 * COST;

/// Decides about hedges.
#[derive(Debug)]
pub(super) struct Decision {
    percent: u32,
    saved: u32,
    hedges: u64,
    by_size: [Latencies; SIZES.len() + 1],
}

impl Decision {
    /// At most so many hedges in a hundred reads.
    pub(super) fn new(percent: u32) -> Self {
        Self { percent, saved: 0, hedges: 0, by_size: Default::default() }
    }

    /// A read begins; after this time it is late. None where it will not be hedged.
    pub(super) fn begin(&mut self, bytes: u64) -> Option<Duration> {
        self.saved = (self.saved + self.percent).min(SAVED_MAX);
        if self.percent == 0 {
            return None;
        }
        self.by_size[class_of(bytes)].late().map(|late| late.max(LATE_MIN))
    }

    /// A read is late: may it be sent again? If so, it is taken to be.
    pub(super) fn may_hedge(&mut self) -> bool {
        let may = self.saved >= COST;
        if may {
            self.saved -= COST;
            self.hedges += 1;
        }
        may
    }

    /// A read succeeded. Where the hedge was faster, the read would have taken longer, so this is the least it took.
    pub(super) fn end(&mut self, bytes: u64, took: Duration) {
        self.by_size[class_of(bytes)].add(took);
    }

    /// Hedges so far.
    pub(super) fn hedges(&self) -> u64 {
        self.hedges
    }
}

fn class_of(bytes: u64) -> usize {
    SIZES.iter().position(|size| bytes <= *size).unwrap_or(SIZES.len())
}

/// How long recent reads took.
#[derive(Debug, Default)]
struct Latencies {
    recent: Vec<Duration>,
    /// The oldest, once there are enough.
    next: usize,
    since_refresh: usize,
    late: Option<Duration>,
}

impl Latencies {
    fn late(&self) -> Option<Duration> {
        self.late
    }

    fn add(&mut self, took: Duration) {
        if self.recent.len() < RECENT {
            self.recent.push(took);
        } else {
            self.recent[self.next] = took;
            self.next = (self.next + 1) % RECENT;
        }
        self.since_refresh += 1;
        if self.recent.len() >= RECENT_MIN && self.since_refresh >= REFRESH {
            self.since_refresh = 0;
            let mut sorted = self.recent.clone();
            let at = sorted.len() * PERCENTILE / 100;
            self.late = Some(*sorted.select_nth_unstable(at).1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: u64 = 4096;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn after(percent: u32, latencies: impl IntoIterator<Item = u64>) -> Decision {
        let mut decision = Decision::new(percent);
        for latency in latencies {
            decision.begin(SMALL);
            decision.end(SMALL, ms(latency));
        }
        decision
    }

    #[test]
    fn late_is_the_95th_percentile_of_recent_reads() {
        assert_eq!(after(5, 1..=31).begin(SMALL), None, "too few to know");
        assert_eq!(after(5, 1..=100).begin(SMALL), Some(ms(92)), "of the first 96");
        assert_eq!(after(5, (0..1000).map(|_| 500).chain((0..256).map(|_| 20))).begin(SMALL), Some(ms(20)));
    }

    #[test]
    fn reads_are_compared_with_those_of_their_size() {
        let mut decision = after(5, (0..64).map(|_| 20));
        for _ in 0..64 {
            decision.end(1024 * 1024, ms(60));
        }
        assert_eq!(decision.begin(SMALL), Some(ms(20)));
        assert_eq!(decision.begin(1024 * 1024), Some(ms(60)));
        assert_eq!(decision.begin(100 * 1024), None);
    }

    #[test]
    fn hedges_are_no_more_than_their_share_of_all_reads() {
        let mut decision = Decision::new(5);
        let mut hedges = 0;
        for reads in 1..=10_000u64 {
            decision.begin(SMALL);
            hedges += u64::from(decision.may_hedge());
            assert!(hedges * 100 <= reads * 5, "{hedges} hedges of {reads} reads");
        }
        assert_eq!((hedges, decision.hedges()), (500, 500));
    }

    #[test]
    fn quiet_times_do_not_save_up_for_a_storm() {
        let mut decision = after(5, (0..10_000).map(|_| 1));
        assert_eq!((0..1000).filter(|_| decision.may_hedge()).count(), 10);
    }

    #[test]
    fn nothing_is_late_where_nothing_may_be_hedged_or_everything_is_quick() {
        assert_eq!(after(0, 1..=100).begin(SMALL), None);
        assert_eq!(after(5, (0..100).map(|_| 0)).begin(SMALL), Some(LATE_MIN));
    }
}
