//! The read plan: which segment holds each page. Pure.

use catgraft_core::{Lsn, PageIndex, PageSet, SegmentId};

use crate::index::Versions;

/// A page and the segment that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) page: PageIndex,
    pub(super) sid: SegmentId,
}

/// Where the pages are, as they were at an LSN, in ascending order; those without content are left out.
pub(super) fn plan(versions: &Versions, lsn: Lsn, pages: &PageSet) -> Vec<Planned> {
    pages.iter().filter_map(|page| versions.find(page, lsn).map(|sid| Planned { page, sid })).collect()
}
