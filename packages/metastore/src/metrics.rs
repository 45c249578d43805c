//! What the metastore counts, besides requests.

use std::sync::Arc;

use catgraft_service::{Metrics, metrics::Counter, room::Room};

use crate::{heads::Heads, volumes::ChangedPages};

/// Counters that the calls move on.
pub(crate) struct Counts {
    /// Polls that were answered without the catalog.
    pub(crate) polls_from_memory: Counter,
}

impl Counts {
    /// Registers the counters, and what is read from the heads when someone looks.
    pub(crate) fn register(metrics: &Metrics, heads: &Arc<Heads>, changed: &Arc<ChangedPages>, commits: &Room) -> Self {
        let known = Arc::clone(heads);
        let help = "Volumes whose newest LSN is known without the catalog";
        metrics.observe_gauge("catgraft_heads_known", help, move || known.len() as u64);
        let trusted = Arc::clone(heads);
        let help = "1 while the announcements of other metastores are heard";
        metrics.observe_gauge("catgraft_heads_trusted", help, move || trusted.moment().is_some().into());
        let changed = Arc::clone(changed);
        let help = "Memory for what changed in ranges of commits, in bytes";
        metrics.observe_gauge("catgraft_changes_memory_bytes", help, move || changed.memory_usage());
        let commits = commits.clone();
        let help = "Commits that are worked on, also those whose clients went away";
        metrics.observe_gauge("catgraft_commits_in_progress", help, move || commits.used() as u64);
        let help = "Polls that found nothing newer without asking the catalog";
        Self { polls_from_memory: metrics.counter("catgraft_polls_from_memory_total", help) }
    }
}
