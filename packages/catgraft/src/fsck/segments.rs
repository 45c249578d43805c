//! Every segment that the catalog has: does a commit name it, and if so, is its object what was written?

use std::{collections::HashSet, sync::Arc};

use anyhow::Result;
use catgraft_objects::{ObjectKey, ObjectStore};
use catgraft_segment::{SegmentIndex, SegmentSummary};
use metastore::{
    catalog::{SegmentChange, SegmentRow, SegmentState},
    orphans,
};
use tokio::task::JoinSet;

use super::{Check, Finding, commits::Lost, report::Report};
use crate::segment::inspect;

/// Segments that are listed at a time.
const SEGMENTS_AT_ONCE: u32 = 500;
/// Objects that are looked at at a time.
const OBJECTS_AT_ONCE: usize = 16;
/// Whole objects that are held at a time.
const WHOLE_OBJECTS_AT_ONCE: usize = 2;

impl Check {
    /// Walks all segments in the order of their ids. One that a commit names is no orphan, whatever its row says.
    pub(super) async fn check_segments(&self, lost: &Lost, report: &mut Report) -> Result<()> {
        let mut after = None;
        loop {
            let listed = self.catalog.segments_list(after, SEGMENTS_AT_ONCE).await?;
            after = listed.last().map(|state| state.row.sid);
            let is_last = listed.len() < SEGMENTS_AT_ONCE as usize;
            report.counts.segments += listed.len() as u64;
            let mut unnamed: HashSet<_> = orphans::unnamed(&*self.catalog, &listed).await?.into_iter().collect();
            unnamed.retain(|sid| !lost.contains(sid));
            let (unnamed, named): (Vec<_>, Vec<_>) =
                listed.into_iter().partition(|state| unnamed.contains(&state.row.sid));
            self.check_unnamed(unnamed, report).await?;
            self.check_named_segments(named, report).await?;
            report.progress();
            if is_last {
                return Ok(());
            }
        }
    }

    async fn check_unnamed(&self, unnamed: Vec<SegmentState>, report: &mut Report) -> Result<()> {
        let mut sids = Vec::new();
        for SegmentState { row, registered_at, doomed_at } in unnamed {
            if doomed_at.is_some() {
                report.counts.pending += 1;
            } else if registered_at <= self.old() {
                report.found(&Finding::OrphanSegment { sid: row.sid, byte_len: row.byte_len })?;
                sids.push(row.sid);
            }
        }
        if self.repairs && !sids.is_empty() {
            report.counts.doomed += self.catalog.segments_change(SegmentChange::Doom { sids, at: self.now }).await?;
        }
        Ok(())
    }

    async fn check_named_segments(&self, named: Vec<SegmentState>, report: &mut Report) -> Result<()> {
        let at_once = if self.reads_pages { WHOLE_OBJECTS_AT_ONCE } else { OBJECTS_AT_ONCE };
        let mut checks = JoinSet::new();
        for SegmentState { row, .. } in named {
            if checks.len() >= at_once
                && let Some(findings) = checks.join_next().await
            {
                tell(findings??, report)?;
            }
            checks.spawn(check_object(Arc::clone(&self.store), row, self.reads_pages));
        }
        while let Some(findings) = checks.join_next().await {
            tell(findings??, report)?;
        }
        Ok(())
    }
}

fn tell(findings: Vec<Finding>, report: &mut Report) -> Result<()> {
    findings.iter().try_for_each(|finding| report.found(finding))
}

/// What is wrong with the object of a segment. An error is a store that cannot tell.
async fn check_object(
    store: Arc<dyn ObjectStore>,
    row: SegmentRow,
    reads_pages: bool,
) -> Result<Vec<Finding>, catgraft_objects::Error> {
    let SegmentRow { sid, byte_len, index_offset, index_len, index_hash, .. } = row;
    let summary = SegmentSummary { byte_len, index_offset, index_len, index_hash };
    let key = ObjectKey::segment(sid);
    let found = match store.head(&key).await {
        Ok(object) => object.len,
        Err(error) if error.is_not_found() => return Ok(vec![Finding::ObjectMissing { sid }]),
        Err(error) => return Err(error),
    };
    if found != byte_len {
        return Ok(vec![Finding::ObjectLength { sid, expected: byte_len, found }]);
    }
    let damaged = |source| Ok(vec![Finding::IndexDamaged { sid, source }]);
    let range = match summary.index_range() {
        Ok(range) => range,
        Err(source) => return damaged(source),
    };
    let index = store.get_range(&key, range).await?;
    let index = match SegmentIndex::decode(&summary, &index) {
        Ok(index) => index,
        Err(source) => return damaged(source),
    };
    if !reads_pages {
        return Ok(Vec::new());
    }
    let object = store.get(&key).await?;
    let found = object.len() as u64;
    if found != byte_len {
        return Ok(vec![Finding::ObjectLength { sid, expected: byte_len, found }]);
    }
    let (_, damaged) = inspect::verify(&object, &index);
    Ok(damaged.into_iter().map(|source| Finding::PageDamaged { sid, source }).collect())
}
