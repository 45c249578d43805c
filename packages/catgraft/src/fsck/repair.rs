//! `--repair`: removes what was doomed a grace period ago, as the pagestores do.

use anyhow::Result;
use catgraft_objects::ObjectKey;
use metastore::orphans;

use super::{Check, report::Report};

impl Check {
    /// Each object goes, and then its row.
    pub(super) async fn remove_due(&self, report: &mut Report) -> Result<()> {
        loop {
            let due = orphans::due(&*self.catalog, self.grace, self.now).await?;
            for orphan in &due {
                self.store.delete(&ObjectKey::segment(orphan.sid)).await?;
            }
            let sids = due.iter().map(|orphan| orphan.sid).collect();
            let removed = orphans::remove(&*self.catalog, sids, self.grace, self.now).await?;
            report.counts.removed += removed;
            report.counts.removed_bytes += due.iter().map(|orphan| orphan.byte_len).sum::<u64>();
            // None is due any more, or pagestores are removing the same.
            if removed == 0 {
                return Ok(());
            }
        }
    }
}
