//! What `/metrics` tells of orphans: running totals since the start.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use catgraft_service::Metrics;

/// The totals.
#[derive(Debug, Default)]
pub(crate) struct OrphanCounts {
    found: AtomicU64,
    removed: AtomicU64,
    removed_bytes: AtomicU64,
}

impl OrphanCounts {
    /// The totals, told under their names.
    pub(crate) fn register(metrics: &Metrics) -> Arc<Self> {
        let counts = Arc::new(Self::default());
        let found = Arc::clone(&counts);
        let help = "Segments found that no commit names.";
        metrics.observe_counter("catgraft_orphans_found_total", help, &[], move || found.found.load(Ordering::Relaxed));
        let removed = Arc::clone(&counts);
        let help = "Segments removed that no commit named.";
        metrics.observe_counter("catgraft_orphans_removed_total", help, &[], move || {
            removed.removed.load(Ordering::Relaxed)
        });
        let bytes = Arc::clone(&counts);
        let help = "Bytes of the segments removed that no commit named.";
        metrics.observe_counter("catgraft_orphans_removed_bytes_total", help, &[], move || {
            bytes.removed_bytes.load(Ordering::Relaxed)
        });
        counts
    }

    /// Adds what a round came to.
    pub(super) fn add(&self, found: u64, removed: u64, removed_bytes: u64) {
        self.found.fetch_add(found, Ordering::Relaxed);
        self.removed.fetch_add(removed, Ordering::Relaxed);
        self.removed_bytes.fetch_add(removed_bytes, Ordering::Relaxed);
    }
}
