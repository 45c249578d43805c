//! Rows as both databases hand them out, and their way into the words of the house.
//!
//! SQL numbers are signed and ids are byte strings there; a row that does not convert is damage, an error.

use bytes::{Buf, Bytes};
use catgraft_core::{ClientId, Lsn, PAGE_SIZE, PageCount, SegmentId, Timestamp, VolumeId};
use sqlx::FromRow;

use super::{
    CommitRow, Error, Holding, SegmentList, SegmentRow, SegmentState, Snapshot, VolumeStats, blob::page_set_from_row,
    error::Source,
};

/// The number that an LSN has in SQL. Those past the signed range become its end, which no commit ever
/// reaches: looking for one finds nothing, as it should.
pub(super) fn lsn_to_sql(lsn: Lsn) -> i64 {
    i64::try_from(lsn.get()).unwrap_or(i64::MAX)
}

/// The number that a moment has in SQL: milliseconds since the epoch.
pub(super) fn timestamp_to_sql(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

/// The number that a count of bytes has in SQL.
pub(super) fn bytes_to_sql(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Names what was being done when a row turned out to be damaged.
pub(super) fn damaged<E: Into<Source>>(doing: &'static str) -> impl Fn(E) -> Error {
    move |source| Error::DamagedRow { doing, source: source.into() }
}

/// A row of `volume`.
#[derive(Debug, FromRow)]
pub(super) struct HeadRaw {
    vid: Vec<u8>,
    head_lsn: i64,
    head_cid: Vec<u8>,
    head_page_count: i64,
    checkpoint_lsn: i64,
    head_committed_at: i64,
}

impl HeadRaw {
    /// The snapshot that the row stands for.
    pub(super) fn read(self, doing: &'static str) -> Result<Snapshot, Error> {
        Ok(Snapshot {
            vid: VolumeId::try_from(self.vid.as_slice()).map_err(damaged(doing))?,
            cid: ClientId::try_from(self.head_cid.as_slice()).map_err(damaged(doing))?,
            lsn: lsn_from_sql(self.head_lsn, doing)?,
            checkpoint: lsn_from_sql(self.checkpoint_lsn, doing)?,
            page_count: page_count_from_sql(self.head_page_count, doing)?,
            timestamp: timestamp_from_sql(self.head_committed_at, doing)?,
        })
    }
}

/// A row of `volume_commit`, without its volume.
#[derive(Debug, FromRow)]
pub(super) struct CommitRaw {
    lsn: i64,
    cid: Vec<u8>,
    page_count: i64,
    committed_at: i64,
    segments: Vec<u8>,
}

impl CommitRaw {
    /// The commit that the row stands for.
    pub(super) fn read(self, doing: &'static str) -> Result<CommitRow, Error> {
        Ok(CommitRow {
            lsn: lsn_from_sql(self.lsn, doing)?,
            cid: ClientId::try_from(self.cid.as_slice()).map_err(damaged(doing))?,
            page_count: page_count_from_sql(self.page_count, doing)?,
            timestamp: timestamp_from_sql(self.committed_at, doing)?,
            segments: SegmentList::from_row(self.segments.into()),
        })
    }
}

/// Some rows of `volume_commit`, behind one another in one value, and how many there should be.
#[derive(Debug, FromRow)]
pub(super) struct LogRaw {
    commits: i64,
    joined: Option<Vec<u8>>,
}

impl LogRaw {
    /// The commits that the rows stand for; none where some of them were left out.
    pub(super) fn read(self, doing: &'static str) -> Result<Option<Vec<CommitRow>>, Error> {
        let mut joined = Bytes::from(self.joined.unwrap_or_default());
        let mut commits = Vec::with_capacity(usize::try_from(self.commits).unwrap_or(0).min(joined.len() / JOINED_LEN));
        while !joined.is_empty() {
            commits.push(split_commit(&mut joined, doing)?);
        }
        Ok((commits.len() as u64 == self.commits.cast_unsigned()).then_some(commits))
    }
}

/// What a commit takes of a joined value besides its segments: three numbers of 8 bytes, an id of 16 and a length of 4.
const JOINED_LEN: usize = 8 + 8 + 8 + 16 + 4;

/// Takes the first commit off a joined value.
fn split_commit(joined: &mut Bytes, doing: &'static str) -> Result<CommitRow, Error> {
    let cut_short = || damaged(doing)("the last commit of a log is cut short");
    let (lsn, rest) = joined.split_first_chunk().ok_or_else(cut_short)?;
    let (page_count, rest) = rest.split_first_chunk().ok_or_else(cut_short)?;
    let (at, rest) = rest.split_first_chunk().ok_or_else(cut_short)?;
    let (cid, rest) = rest.split_first_chunk::<16>().ok_or_else(cut_short)?;
    let (len, rest) = rest.split_first_chunk().ok_or_else(cut_short)?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok().filter(|len| *len <= rest.len()).ok_or_else(cut_short)?;
    let mut commit = CommitRow {
        lsn: lsn_from_sql(i64::from_be_bytes(*lsn), doing)?,
        cid: ClientId::try_from(cid.as_slice()).map_err(damaged(doing))?,
        page_count: page_count_from_sql(i64::from_be_bytes(*page_count), doing)?,
        timestamp: timestamp_from_sql(i64::from_be_bytes(*at), doing)?,
        segments: SegmentList::from_row(Bytes::new()),
    };
    joined.advance(JOINED_LEN);
    commit.segments = SegmentList::from_row(joined.split_to(len));
    Ok(commit)
}

/// A row of `segment`.
#[derive(Debug, FromRow)]
pub(super) struct SegmentRaw {
    sid: Vec<u8>,
    byte_len: i64,
    index_offset: i64,
    index_len: i64,
    index_hash: Vec<u8>,
}

impl SegmentRaw {
    /// The segment that the row stands for, without its volumes.
    pub(super) fn read(self, doing: &'static str) -> Result<SegmentRow, Error> {
        Ok(SegmentRow {
            sid: SegmentId::try_from(self.sid.as_slice()).map_err(damaged(doing))?,
            byte_len: u64::try_from(self.byte_len).map_err(damaged(doing))?,
            index_offset: u64::try_from(self.index_offset).map_err(damaged(doing))?,
            index_len: u32::try_from(self.index_len).map_err(damaged(doing))?,
            index_hash: self.index_hash.as_slice().try_into().map_err(damaged(doing))?,
            volumes: Vec::new(),
        })
    }
}

/// A row of `segment` with what its removal needs.
#[derive(Debug, FromRow)]
pub(super) struct StateRaw {
    #[sqlx(flatten)]
    segment: SegmentRaw,
    registered_at: i64,
    doomed_at: Option<i64>,
}

impl StateRaw {
    /// The segment that the row stands for.
    pub(super) fn read(self, doing: &'static str) -> Result<SegmentState, Error> {
        Ok(SegmentState {
            row: self.segment.read(doing)?,
            registered_at: timestamp_from_sql(self.registered_at, doing)?,
            doomed_at: self.doomed_at.map(|at| timestamp_from_sql(at, doing)).transpose()?,
        })
    }
}

/// A volume's id and the id of a segment that holds pages of it.
#[derive(Debug, FromRow)]
pub(super) struct HoldingRaw {
    vid: Vec<u8>,
    sid: Vec<u8>,
}

impl HoldingRaw {
    /// The pair that the row stands for.
    pub(super) fn read(self, doing: &'static str) -> Result<(VolumeId, SegmentId), Error> {
        let vid = VolumeId::try_from(self.vid.as_slice()).map_err(damaged(doing))?;
        Ok((vid, SegmentId::try_from(self.sid.as_slice()).map_err(damaged(doing))?))
    }
}

/// A segment's id, and what it holds of one volume; none where that is nothing.
#[derive(Debug, FromRow)]
pub(super) struct HeldRaw {
    sid: Vec<u8>,
    graft: Option<Vec<u8>>,
}

impl HeldRaw {
    /// What the row says that the segment holds of this volume.
    pub(super) fn read(self, vid: VolumeId, doing: &'static str) -> Result<(SegmentId, Holding), Error> {
        let sid = SegmentId::try_from(self.sid.as_slice()).map_err(damaged(doing))?;
        let holding = match self.graft {
            None => Holding::OtherVolumes,
            Some(graft) => Holding::Pages(page_set_from_row(&graft).map_err(|source| Error::DamagedVolume {
                doing,
                vid,
                source,
            })?),
        };
        Ok((sid, holding))
    }
}

/// A volume's id and its newest LSN.
#[derive(Debug, FromRow)]
pub(super) struct HeadLsnRaw {
    vid: Vec<u8>,
    head_lsn: i64,
}

impl HeadLsnRaw {
    /// The pair that the row stands for.
    pub(super) fn read(self, doing: &'static str) -> Result<(VolumeId, Lsn), Error> {
        let vid = VolumeId::try_from(self.vid.as_slice()).map_err(damaged(doing))?;
        Ok((vid, lsn_from_sql(self.head_lsn, doing)?))
    }
}

/// What a volume amounts to, besides its head.
#[derive(Debug, FromRow)]
pub(super) struct StatsRaw {
    first_commit: i64,
    segments: i64,
    pages: i64,
}

impl StatsRaw {
    /// What the volume with this head amounts to.
    pub(super) fn read(self, head: Snapshot, doing: &'static str) -> Result<VolumeStats, Error> {
        let pages_stored = u64::try_from(self.pages).map_err(damaged(doing))?;
        Ok(VolumeStats {
            head,
            commits: head.lsn.get() - head.checkpoint.get() + 1,
            segments: u64::try_from(self.segments).map_err(damaged(doing))?,
            pages_stored,
            bytes_stored: pages_stored.saturating_mul(PAGE_SIZE as u64),
            first_commit: timestamp_from_sql(self.first_commit, doing)?,
            last_commit: head.timestamp,
        })
    }
}

/// The LSN that a number stands for.
pub(super) fn lsn_from_sql(number: i64, doing: &'static str) -> Result<Lsn, Error> {
    let number = u64::try_from(number).map_err(damaged(doing))?;
    Lsn::try_from(number).map_err(damaged(doing))
}

/// The page count that a number stands for.
fn page_count_from_sql(number: i64, doing: &'static str) -> Result<PageCount, Error> {
    u32::try_from(number).map(PageCount::new).map_err(damaged(doing))
}

/// The moment that a number stands for.
fn timestamp_from_sql(number: i64, doing: &'static str) -> Result<Timestamp, Error> {
    u64::try_from(number).map(Timestamp::from_millis).map_err(damaged(doing))
}
