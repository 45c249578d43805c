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

/// Memory of one version in the ordered map, inner nodes included. Computed for entries that came in ascending
/// order one by one, which leaves leaves of 11 places half full; a map that was built at once is smaller.
const VERSION_BYTES: usize = 41;

/// Versions that are gathered before they enter the map, at 24 bytes each.
const GATHERED_MAX: usize = 1 << 20;

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

/// What a commit says of a volume.
#[derive(Debug)]
pub(crate) struct LoggedCommit {
    pub(crate) lsn: Lsn,
    pub(crate) page_count: PageCount,
    pub(crate) segments: Vec<SegmentPages>,
}

/// A version of a page and the segment that holds it.
type Version = ((PageIndex, Lsn), SegmentNumber);

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

    /// Adds the commits that follow the head, up to the first that is an error. Many at once cost less than one by one.
    pub(crate) fn append(&mut self, commits: impl IntoIterator<Item = LoggedCommit>) -> Result<(), LogError> {
        let mut gathered = Vec::new();
        let outcome = commits.into_iter().try_for_each(|commit| self.append_one(&commit, &mut gathered));
        self.enter(&mut gathered);
        outcome
    }

    fn append_one(&mut self, commit: &LoggedCommit, gathered: &mut Vec<Version>) -> Result<(), LogError> {
        let LoggedCommit { lsn, page_count, ref segments } = *commit;
        let follows = self.head.map_or(1, |head| head.get().wrapping_add(1));
        if lsn.get() != follows {
            return Err(LogError { last: self.head, found: lsn });
        }
        if page_count < self.page_count {
            self.enter(gathered);
            self.cut_off(lsn, page_count);
        }
        for SegmentPages { sid, pages } in segments {
            let number = SegmentNumber::try_from(self.segments.len()).expect("fewer than 2^32 segments a volume");
            self.segments.push(*sid);
            let existing = pages.iter().take_while(|page| page_count.contains(*page));
            gathered.extend(existing.map(|page| ((page, lsn), number)));
            if gathered.len() >= GATHERED_MAX {
                self.enter(gathered);
            }
        }
        self.head = Some(lsn);
        self.page_count = page_count;
        Ok(())
    }

    /// Enters what was gathered: a few versions one by one, and many as a map that is built at once and merged.
    fn enter(&mut self, gathered: &mut Vec<Version>) {
        if gathered.len() > self.by_page.len() / 8 {
            self.by_page.append(&mut gathered.drain(..).collect());
        } else {
            self.by_page.extend(gathered.drain(..));
        }
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
