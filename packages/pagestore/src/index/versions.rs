//! All versions of a volume's pages: which segment holds page P as it was at LSN L.
//!
//! A map ordered by page and LSN, so that the version at an LSN is the last entry at or below it: one search, whatever
//! the history. A commit that makes the volume shorter leaves a mark at every page that it cuts off, so
//! that growing again does not bring old content back.
//!
//! Pure: it is told commits in LSN order and asked for pages.

use std::collections::BTreeMap;

use catgraft_core::{Lsn, PageCount, PageIndex, SegmentId};
use catgraft_proto::SegmentPages;

/// Memory of one version in the ordered map, inner nodes included. Computed: entries come in ascending order, which leaves
/// leaves of 11 places half full.
const VERSION_BYTES: usize = 41;

/// The commits that were told do not follow one another: the log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the commit log skips from LSN {last:?} to {found}")]
pub(crate) struct LogError {
    last: Option<Lsn>,
    found: Lsn,
}

/// Number of a segment in this index; `CUT` marks a page that was cut off.
type SegmentNumber = u32;
const CUT: SegmentNumber = SegmentNumber::MAX;

/// The index of one volume.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    head: Option<Lsn>,
    page_count: PageCount,
    segments: Vec<SegmentId>,
    by_page: BTreeMap<(PageIndex, Lsn), SegmentNumber>,
}

impl Versions {
    /// The newest LSN that the index knows.
    pub(crate) fn head(&self) -> Option<Lsn> {
        self.head
    }

    /// Adds the commit that follows the head.
    pub(crate) fn append(
        &mut self,
        lsn: Lsn,
        page_count: PageCount,
        segments: &[SegmentPages],
    ) -> Result<(), LogError> {
        let follows = self.head.map_or(1, |head| head.get().wrapping_add(1));
        if lsn.get() != follows {
            return Err(LogError { last: self.head, found: lsn });
        }
        if page_count < self.page_count {
            self.cut_off(lsn, page_count);
        }
        for SegmentPages { sid, pages } in segments {
            let number = SegmentNumber::try_from(self.segments.len()).expect("fewer than 2^32 segments a volume");
            self.segments.push(*sid);
            let existing = pages.iter().take_while(|page| page_count.contains(*page));
            self.by_page.extend(existing.map(|page| ((page, lsn), number)));
        }
        self.head = Some(lsn);
        self.page_count = page_count;
        Ok(())
    }

    /// The segment that holds the page as it was at an LSN; none where it had no content.
    pub(crate) fn find(&self, page: PageIndex, lsn: Lsn) -> Option<SegmentId> {
        let ((found, _), number) = self.by_page.range(..=(page, lsn)).next_back()?;
        if *found != page || *number == CUT {
            return None;
        }
        self.segments.get(*number as usize).copied()
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_len(&self) -> usize {
        size_of::<Self>() + self.by_page.len() * VERSION_BYTES + self.segments.capacity() * size_of::<SegmentId>()
    }

    fn cut_off(&mut self, lsn: Lsn, page_count: PageCount) {
        let Some(first) = page_count.get().checked_add(1).and_then(PageIndex::new) else { return };
        let mut cut: Vec<PageIndex> = Vec::new();
        let mut newest: Option<(PageIndex, SegmentNumber)> = None;
        for ((page, _), number) in self.by_page.range((first, Lsn::FIRST)..) {
            match newest {
                Some((before, number)) if before != *page && number != CUT => cut.push(before),
                _ => {}
            }
            newest = Some((*page, *number));
        }
        cut.extend(newest.filter(|(_, number)| *number != CUT).map(|(page, _)| page));
        self.by_page.extend(cut.into_iter().map(|page| ((page, lsn), CUT)));
    }
}
