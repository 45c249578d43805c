//! What the client counts.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// One number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// So many more.
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Commits that were acknowledged.
    pub(crate) acknowledged: Count,
    /// Commits that another client's was faster than.
    pub(crate) races_lost: Count,
    /// Commits that were acknowledged a second time, at the same LSN.
    pub(crate) repeated: Count,
    /// Attempts whose outcome stayed unknown, or that were told to come back later.
    pub(crate) unanswered: Count,
    /// Polls that were answered with "no news" although another metastore had acknowledged some.
    pub(crate) late_polls: Count,
    /// Reads that were refused because the store's answer was damaged.
    pub(crate) damaged: Count,
    /// Reads and writes that were refused because the store denied access.
    pub(crate) denied: Count,
    /// Reads and pulls that were compared while pushes went on.
    pub(crate) reads: Count,
    /// Commits that were read back at the end.
    pub(crate) commits_read_back: Count,
    /// Pages that were compared byte for byte, in all.
    pub(crate) pages_compared: Count,
}

impl Tally {
    /// These facts, and every count beside them.
    pub(crate) fn tell(&self, mut facts: Value) -> Value {
        let Self {
            acknowledged,
            races_lost,
            repeated,
            unanswered,
            late_polls,
            damaged,
            denied,
            reads,
            commits_read_back,
            pages_compared,
        } = self;
        for (name, count) in [
            ("acknowledged", acknowledged),
            ("races_lost", races_lost),
            ("repeated", repeated),
            ("unanswered", unanswered),
            ("late_polls", late_polls),
            ("damaged", damaged),
            ("denied", denied),
            ("reads", reads),
            ("commits_read_back", commits_read_back),
            ("pages_compared", pages_compared),
        ] {
            facts[name] = json!(count.get());
        }
        facts
    }
}
