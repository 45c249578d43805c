//! Every object in the store: does the catalog have its segment?

use std::collections::HashSet;

use anyhow::Result;
use catgraft_core::SegmentId;
use catgraft_objects::{KeyPrefix, ObjectKey, ObjectMeta};
use metastore::{
    catalog::Stray,
    orphans::{self, StrayObject},
};

use super::{Check, Finding, commits::Lost, report::Report};

/// Objects that are listed at a time.
const OBJECTS_AT_ONCE: usize = 1000;

impl Check {
    /// Walks the store. The object of a segment that has lost its row, and that a commit names, is no orphan.
    pub(super) async fn check_objects(&self, lost: &Lost, report: &mut Report) -> Result<()> {
        let mut after: Option<ObjectKey> = None;
        loop {
            let listed = self.store.list(KeyPrefix::SEGMENTS, after.as_ref(), OBJECTS_AT_ONCE).await?;
            let is_last = listed.len() < OBJECTS_AT_ONCE;
            after = listed.last().map(|object| object.key.clone()).or(after);
            report.counts.objects += listed.len() as u64;
            self.check_listed(listed, lost, report).await?;
            report.progress();
            if is_last {
                return Ok(());
            }
        }
    }

    async fn check_listed(&self, listed: Vec<ObjectMeta>, lost: &Lost, report: &mut Report) -> Result<()> {
        let old = self.old();
        let stray = |object: ObjectMeta| {
            let sid = object.key.as_segment().filter(|sid| sid.created() <= old)?;
            Some(Stray { sid, byte_len: object.len })
        };
        let mut strays: Vec<Stray> = listed.into_iter().filter_map(stray).collect();
        let sids: Vec<SegmentId> = strays.iter().map(|stray| stray.sid).collect();
        let known: HashSet<_> = self.catalog.segments_read(&sids).await?.into_iter().map(|row| row.sid).collect();
        strays.retain(|stray| !known.contains(&stray.sid) && !lost.contains(&stray.sid));
        for Stray { sid, byte_len } in &strays {
            report.found(&Finding::OrphanObject { sid: *sid, byte_len: *byte_len })?;
        }
        if self.repairs {
            // Whether a commit names them was looked up above.
            let strays = strays.into_iter().map(|stray| StrayObject { stray, vids: Vec::new() }).collect();
            report.counts.doomed += orphans::adopt(&*self.catalog, strays, self.grace, self.now).await?;
        }
        Ok(())
    }
}
