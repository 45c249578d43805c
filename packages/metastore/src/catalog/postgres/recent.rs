//! What the segments that were registered last hold of each volume. The commit that names a segment nearly always follows
//! its registration at the same metastore, and then need not read back what was just written.
//!
//! Rows of segments never change, so what is here is what the catalog has, unless the row is gone.

use std::sync::Arc;

use catgraft_core::{PageSet, SegmentId, VolumeId};
use catgraft_proto::CommitCall;
use quick_cache::{Weighter, sync::Cache};

use crate::{
    catalog::SegmentRow,
    commit::{CommitState, Holding},
};

/// Memory for page sets.
const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What an entry costs beside its page set.
const ENTRY_BYTES: u64 = 128;
/// How many entries room is made for at first.
const ENTRIES_EXPECTED: usize = 4096;

type Key = (SegmentId, VolumeId);

/// Page sets by segment and volume.
pub(super) struct Recent(Cache<Key, Arc<PageSet>, Bytes>);

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<PageSet>> for Bytes {
    fn weight(&self, _: &Key, pages: &Arc<PageSet>) -> u64 {
        ENTRY_BYTES + pages.memory_len() as u64
    }
}

impl Recent {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(ENTRIES_EXPECTED, BYTES_MAX, Bytes))
    }

    /// Remembers rows that the catalog has.
    pub(super) fn remember(&self, rows: Vec<SegmentRow>) {
        for SegmentRow { sid, volumes, .. } in rows {
            for (vid, pages) in volumes {
                self.0.insert((sid, vid), Arc::new(pages));
            }
        }
    }

    /// The state in which the catalog is where nobody has committed on the base of this commit; none where a segment
    /// that it names is not remembered. To be carried out only by a statement that checks the head.
    pub(super) fn guess(&self, call: &CommitCall) -> Option<CommitState> {
        let mut state = CommitState { head: call.base, ..CommitState::default() };
        for segment in &call.segments {
            let pages = self.0.get(&(segment.sid, call.vid))?;
            state.segments.insert(segment.sid, Holding::Pages(PageSet::clone(&pages)));
        }
        Some(state)
    }
}
