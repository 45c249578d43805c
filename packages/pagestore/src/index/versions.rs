//! The versions of a volume's pages since a commit: which segment holds page P as it was at LSN L.
//!
//! Versions are ordered by page and LSN, so that the one at an LSN is the last at or below it: one search, whatever
//! the history. Most of them lie in one sorted list, which is small and quickly made; what came since is in a map
//! beside it, and is merged into the list when it has become a good part of it. A commit that makes the volume shorter
//! leaves a mark at every page that it cuts off, so that growing again does not bring old content back. Of pages that only older
//! commits wrote, which are not here, it is enough to know how short the volume has been since.
//!
//! Pure: it is told commits in LSN order and asked for pages.

use std::{collections::BTreeMap, mem};

use catgraft_core::{Lsn, PageCount, PageIndex, SegmentId};

/// Memory of one version in the map, inner nodes included. Computed for entries that came in ascending
/// order one by one, which leaves leaves of 11 places half full.
const RECENT_BYTES: usize = 41;

/// Versions that the map may always have; beyond them, at most a quarter of what the list has.
const RECENT_MIN: usize = 1024;
/// More versions at once than this part of what the list has are merged into it for less than they cost in the map.
const FEW_PART: usize = 64;

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

/// What a commit says of a volume, or a piece of it: a large commit comes in several.
#[derive(Debug)]
pub(crate) struct LoggedCommit {
    pub(crate) lsn: Lsn,
    pub(crate) page_count: PageCount,
    /// Each with how many of the pages it holds.
    pub(crate) segments: Vec<(SegmentId, usize)>,
    /// The pages of all segments, one segment after the other, and in each of them in ascending order.
    pub(crate) pages: Vec<PageIndex>,
    /// Is it the last piece of its commit? The commit is not known before.
    pub(crate) is_last: bool,
}

/// What is known of a page at an LSN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The segment that holds it.
    Segment(SegmentId),
    /// It has no content.
    Nothing,
    /// These commits did not touch it: those before them decide.
    Untouched,
}

/// A version of a page, as it leaves memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) page: PageIndex,
    pub(crate) lsn: Lsn,
    /// None where the page was cut off.
    pub(crate) segment: Option<SegmentId>,
}

/// How short a volume has been since a commit: the LSNs at which it became shorter than ever since then. Descending page
/// counts, so that the last of them up to an LSN is the least.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lows(Vec<(Lsn, PageCount)>);

impl Lows {
    fn note(&mut self, lsn: Lsn, page_count: PageCount) {
        if self.0.last().is_none_or(|(_, lowest)| page_count < *lowest) {
            self.0.push((lsn, page_count));
        }
    }

    /// Those of all commits, where `later` are of the commits behind these.
    pub(crate) fn followed_by(mut self, later: &Self) -> Self {
        for (lsn, page_count) in &later.0 {
            self.note(*lsn, *page_count);
        }
        self
    }

    /// The first LSN at which a page was cut off that had content before these commits.
    pub(crate) fn cut(&self, page: PageIndex) -> Option<Lsn> {
        let first = self.0.partition_point(|(_, page_count)| page_count.contains(page));
        self.0.get(first).map(|(lsn, _)| *lsn)
    }

    /// What these say of a page that its commits did not write up to an LSN.
    pub(crate) fn of_unwritten(&self, page: PageIndex, lsn: Lsn) -> Found {
        if self.cut(page).is_some_and(|cut| cut <= lsn) { Found::Nothing } else { Found::Untouched }
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_len(&self) -> usize {
        self.0.capacity() * size_of::<(Lsn, PageCount)>()
    }
}

/// A version of a page, and the segment that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    page: PageIndex,
    segment: SegmentNumber,
    lsn: Lsn,
}

const _: () = assert!(size_of::<Version>() == 16, "there are a great many of them");

impl Version {
    /// What they are ordered by.
    fn place(&self) -> (PageIndex, Lsn) {
        (self.page, self.lsn)
    }
}

/// The versions since a commit, the first one unless [`Versions::following`] says otherwise.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    head: Option<Lsn>,
    page_count: PageCount,
    lows: Lows,
    segments: Vec<SegmentId>,
    /// In the order of page and LSN.
    sorted: Vec<Version>,
    /// Versions of later commits than any in `sorted`.
    recent: BTreeMap<(PageIndex, Lsn), SegmentNumber>,
}

impl Versions {
    /// No versions yet, of the commits that follow these.
    pub(crate) fn following(&self) -> Self {
        Self { head: self.head, page_count: self.page_count, ..Self::default() }
    }

    /// The newest LSN that is known.
    pub(crate) fn head(&self) -> Option<Lsn> {
        self.head
    }

    /// Adds the commits that follow the head, up to the first that is an error. Many at once cost less than one by one.
    pub(crate) fn append(&mut self, commits: &[LoggedCommit]) -> Result<(), LogError> {
        let mut gathered = Vec::with_capacity(commits.iter().map(|commit| commit.pages.len()).sum());
        let outcome = commits.iter().try_for_each(|commit| self.append_one(commit, &mut gathered));
        self.enter(&mut gathered);
        outcome
    }

    fn append_one(&mut self, commit: &LoggedCommit, gathered: &mut Vec<Version>) -> Result<(), LogError> {
        let LoggedCommit { lsn, page_count, ref segments, ref pages, is_last } = *commit;
        let follows = self.head.map_or(1, |head| head.get().wrapping_add(1));
        if lsn.get() != follows {
            return Err(LogError { last: self.head, found: lsn });
        }
        if page_count < self.page_count {
            self.enter(gathered);
            self.cut_off(lsn, page_count);
            self.lows.note(lsn, page_count);
        }
        let mut left = pages.as_slice();
        for (sid, count) in segments {
            let number = SegmentNumber::try_from(self.segments.len()).expect("fewer than 2^32 segments a volume");
            self.segments.push(*sid);
            let (pages, rest) = left.split_at(*count);
            left = rest;
            let existing = &pages[..pages.partition_point(|page| page_count.contains(*page))];
            gathered.extend(existing.iter().map(|page| Version { page: *page, segment: number, lsn }));
        }
        if is_last {
            self.head = Some(lsn);
        }
        self.page_count = page_count;
        Ok(())
    }

    /// Enters what was gathered: a few versions into the map, and many, or the few that are too many, into the list.
    fn enter(&mut self, gathered: &mut Vec<Version>) {
        let are_few = gathered.len() <= RECENT_MIN.max(self.sorted.len() / FEW_PART);
        if are_few && self.recent.len() + gathered.len() <= RECENT_MIN.max(self.sorted.len() / 4) {
            self.recent.extend(gathered.drain(..).map(|version| (version.place(), version.segment)));
            return;
        }
        let mut newer = mem::take(gathered);
        if !self.recent.is_empty() {
            let recent = mem::take(&mut self.recent).into_iter();
            let recent = recent.map(|((page, lsn), segment)| Version { page, segment, lsn });
            newer = recent.chain(newer).collect();
        }
        // Of each page the LSNs ascend already, and equal pages keep their order. What is sorted, as the pages are that a
        // volume began with, takes no time.
        newer.sort_by_key(|version| version.page);
        if self.sorted.is_empty() {
            // New memory costs more than what is written to it, so that of a long log is not copied.
            self.sorted = newer;
        } else {
            if self.sorted.capacity() - self.sorted.len() < newer.len() {
                self.sorted.reserve_exact(newer.len().max(self.sorted.len() / 4));
            }
            merge(&mut self.sorted, &newer);
        }
    }

    /// What is known of a page as it was at an LSN.
    pub(crate) fn find(&self, page: PageIndex, lsn: Lsn) -> Found {
        match self.find_recent(page, lsn).or_else(|| self.find_sorted(page, lsn)) {
            Some(number) => self.segment(number).map_or(Found::Nothing, Found::Segment),
            None => self.lows.of_unwritten(page, lsn),
        }
    }

    fn segment(&self, number: SegmentNumber) -> Option<SegmentId> {
        if number == CUT { None } else { self.segments.get(number as usize).copied() }
    }

    fn find_recent(&self, page: PageIndex, lsn: Lsn) -> Option<SegmentNumber> {
        let ((found, _), number) = self.recent.range(..=(page, lsn)).next_back()?;
        (*found == page).then_some(*number)
    }

    fn find_sorted(&self, page: PageIndex, lsn: Lsn) -> Option<SegmentNumber> {
        let after = self.sorted.partition_point(|version| version.place() <= (page, lsn));
        let found = self.sorted.get(after.checked_sub(1)?)?;
        (found.page == page).then_some(found.segment)
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_len(&self) -> usize {
        size_of::<Self>()
            + self.sorted.capacity() * size_of::<Version>()
            + self.recent.len() * RECENT_BYTES
            + self.segments.capacity() * size_of::<SegmentId>()
            + self.lows.memory_len()
    }

    /// The two parts of the versions, each in the order of page and LSN.
    pub(crate) fn entries(&self) -> [Box<dyn Iterator<Item = Entry> + '_>; 2] {
        let entry = |page, lsn, number| Entry { page, lsn, segment: self.segment(number) };
        let sorted = self.sorted.iter().map(move |version| entry(version.page, version.lsn, version.segment));
        let recent = self.recent.iter().map(move |((page, lsn), number)| entry(*page, *lsn, *number));
        [Box::new(sorted), Box::new(recent)]
    }

    /// How short the volume has been in these commits.
    pub(crate) fn lows(&self) -> &Lows {
        &self.lows
    }

    /// Marks the pages between the new page count and the one before; what lies beyond that is marked already.
    fn cut_off(&mut self, lsn: Lsn, page_count: PageCount) {
        let first = page_count.get().checked_add(1).and_then(PageIndex::new);
        let (Some(first), Some(last)) = (first, PageIndex::new(self.page_count.get())) else { return };
        let begin = self.sorted.partition_point(|version| version.page < first);
        let end = self.sorted.partition_point(|version| version.page <= last);
        let sorted = &self.sorted[begin..end];
        let recent = self.recent.range((first, Lsn::FIRST)..=(last, lsn));
        // Of a page, the last is the newest.
        let newest: BTreeMap<PageIndex, SegmentNumber> = sorted
            .iter()
            .map(|version| (version.page, version.segment))
            .chain(recent.map(|((page, _), segment)| (*page, *segment)))
            .collect();
        let cut = newest.into_iter().filter(|(_, segment)| *segment != CUT);
        self.recent.extend(cut.map(|(page, _)| ((page, lsn), CUT)));
    }
}

/// Merges versions into a list that has those of earlier commits, both in the order of pages.
fn merge(list: &mut Vec<Version>, newer: &[Version]) {
    let (mut older, mut left) = (list.len(), newer.len());
    list.extend_from_slice(newer);
    // From the end on, so that nothing is overwritten that is still to be moved.
    while older > 0 && left > 0 {
        let (from_list, from_newer) = (list[older - 1], newer[left - 1]);
        if from_list.page > from_newer.page {
            list[older + left - 1] = from_list;
            older -= 1;
        } else {
            list[older + left - 1] = from_newer;
            left -= 1;
        }
    }
    list[..left].copy_from_slice(&newer[..left]);
}
