//! What the catalog is asked and answers: rows and pages of them in the words of the house.

use catgraft_core::{ClientId, Lsn, PageCount, PageSet, SegmentId, Timestamp, VolumeId};

use super::{Error, SegmentList};
use crate::commit;
pub use crate::commit::Holding;

/// A volume at one LSN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// The volume.
    pub vid: VolumeId,
    /// Who wrote the commit.
    pub cid: ClientId,
    /// The commit.
    pub lsn: Lsn,
    /// Oldest LSN whose history is kept.
    pub checkpoint: Lsn,
    /// Length of the volume.
    pub page_count: PageCount,
    /// When it was committed.
    pub timestamp: Timestamp,
}

/// One commit of a volume's log.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitRow {
    /// Its number.
    pub lsn: Lsn,
    /// Who wrote it.
    pub cid: ClientId,
    /// Length of the volume after it.
    pub page_count: PageCount,
    /// When it was committed.
    pub timestamp: Timestamp,
    /// Where the pages are that it changed.
    pub segments: SegmentList,
}

impl CommitRow {
    /// The volume as this commit left it.
    pub fn snapshot(&self, vid: VolumeId, checkpoint: Lsn) -> Snapshot {
        let Self { lsn, cid, page_count, timestamp, segments: _ } = *self;
        Snapshot { vid, cid, lsn, checkpoint, page_count, timestamp }
    }
}

/// Which part of a log to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitsWanted {
    /// First LSN; none means the checkpoint.
    pub start: Option<Lsn>,
    /// Last LSN; none means the head.
    pub end: Option<Lsn>,
    /// Most commits in one page.
    pub commits_max: u32,
    /// The page ends with the commit at which its segment lists reach this many bytes, so it is never empty for
    /// that.
    pub bytes_max: u64,
}

impl CommitsWanted {
    /// Most commits in one page unless told otherwise.
    pub const COMMITS_MAX: u32 = 4096;
    /// Most bytes of segment lists in one page unless told otherwise.
    pub const BYTES_MAX: u64 = 4 * 1024 * 1024;

    /// A range, in pages of the usual size.
    pub fn range(start: Option<Lsn>, end: Option<Lsn>) -> Self {
        Self { start, end, commits_max: Self::COMMITS_MAX, bytes_max: Self::BYTES_MAX }
    }

    /// A page whose lists all have at most this many bytes is within its bounds, however many commits it has.
    pub(super) fn short_list_bytes(&self) -> u64 {
        let (start, end) = (self.start.map_or(1, Lsn::get), self.end.map_or(u64::MAX, Lsn::get));
        let commits_max = end.saturating_sub(start).saturating_add(1).min(self.commits_max.into());
        self.bytes_max / commits_max.max(1)
    }
}

impl Default for CommitsWanted {
    fn default() -> Self {
        Self::range(None, None)
    }
}

/// A page of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitsPage {
    /// The head of the volume when the page was read.
    pub head: Snapshot,
    /// The commits, oldest first, without gaps.
    pub commits: Vec<CommitRow>,
}

/// One segment: where its index lies and what authenticates it, and what it holds of each volume.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentRow {
    /// The segment.
    pub sid: SegmentId,
    /// Length of the whole segment in bytes.
    pub byte_len: u64,
    /// Where its index begins.
    pub index_offset: u64,
    /// Length of its index in bytes.
    pub index_len: u32,
    /// Hash of its index.
    pub index_hash: [u8; 32],
    /// The pages of each volume. Empty in answers that leave them out.
    pub volumes: Vec<(VolumeId, PageSet)>,
}

/// A segment's row with what its removal needs.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentState {
    /// The segment, without its volumes.
    pub row: SegmentRow,
    /// When its upload began.
    pub registered_at: Timestamp,
    /// Since when it is to be removed.
    pub doomed_at: Option<Timestamp>,
}

/// An object that no row knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stray {
    /// The segment that its key names.
    pub sid: SegmentId,
    /// Its length in bytes.
    pub byte_len: u64,
}

/// One step in the removal of segments. Each may be done twice.
#[derive(Debug, Clone, PartialEq)]
pub enum SegmentChange {
    /// These are to be removed; those that are doomed already stay so since then.
    Doom {
        /// The segments.
        sids: Vec<SegmentId>,
        /// Since when.
        at: Timestamp,
    },
    /// These are not to be removed after all.
    Pardon {
        /// The segments.
        sids: Vec<SegmentId>,
    },
    /// Rows for objects that have none, doomed from the beginning. A row that is there is left alone.
    Adopt {
        /// The objects.
        strays: Vec<Stray>,
        /// Since when.
        at: Timestamp,
    },
    /// The rows of these go, of those that were doomed at or before a moment.
    Remove {
        /// The segments.
        sids: Vec<SegmentId>,
        /// The moment.
        until: Timestamp,
    },
    /// The search for orphans has come to here. It never goes back.
    Mark {
        /// The last segment that was looked at.
        sid: SegmentId,
    },
}

/// Refuses rows that are stored with other content, and those that are to be removed: whoever registers one wants to tell
/// a client of it. The hash of an index authenticates which volumes and pages it names, so rows that agree in
/// it need not be compared further.
pub(super) fn refuse_difference(rows: &[SegmentRow], stored: &[SegmentState]) -> Result<(), Error> {
    let content = |row: &SegmentRow| (row.byte_len, row.index_offset, row.index_len, row.index_hash);
    for row in rows {
        match stored.iter().find(|stored| stored.row.sid == row.sid) {
            Some(SegmentState { doomed_at: Some(_), .. }) => return Err(Error::SegmentDoomed { sid: row.sid }),
            Some(stored) if content(&stored.row) == content(row) => {}
            _ => return Err(Error::SegmentDiffers { sid: row.sid }),
        }
    }
    Ok(())
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum CommitOutcome {
    /// It is the new head.
    Committed(Snapshot),
    /// It was committed before: this was a retry.
    AlreadyCommitted(Snapshot),
    /// It lost the race.
    Rejected {
        /// The head that it lost against; none where the volume does not exist.
        head: Option<Lsn>,
    },
    /// It may never be committed.
    Invalid(commit::Invalid),
}

/// What a volume amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeStats {
    /// Its head.
    pub head: Snapshot,
    /// Number of its commits since the checkpoint.
    pub commits: u64,
    /// Number of segments that hold pages of it.
    pub segments: u64,
    /// Pages written for it into those segments: superseded versions and pages that no commit took are counted.
    pub pages_stored: u64,
    /// [`Self::pages_stored`] times the size of a page: what the pages amount to before compression, and without the
    /// segments' indexes. It is not the size of any objects.
    pub bytes_stored: u64,
    /// When the commit at the checkpoint was made.
    pub first_commit: Timestamp,
    /// When the head was made.
    pub last_commit: Timestamp,
}
