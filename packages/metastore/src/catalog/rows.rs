//! Rows as both databases hand them out, and their way into the words of the house.
//!
//! SQL numbers are signed and ids are byte strings there; a row that does not convert is damage, an error.

use bytes::Bytes;
use catgraft_core::{ClientId, Lsn, PAGE_SIZE, PageCount, SegmentId, Timestamp, VolumeId};
use sqlx::FromRow;

use super::{
    CommitRow, Error, Holding, SegmentList, SegmentRow, SegmentState, SegmentsSpan, Snapshot, VolumeStats,
    blob::page_set_from_row, error::Source,
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

/// Some rows of `volume_commit`, column by column; what has a length of its own is behind one another.
#[derive(Debug, FromRow)]
pub(super) struct LogRaw {
    lsns: Vec<i64>,
    cids: Vec<u8>,
    page_counts: Vec<i64>,
    commit_times: Vec<i64>,
    lens: Vec<i32>,
    joined: Vec<u8>,
}

impl LogRaw {
    /// The commits that the rows stand for.
    pub(super) fn read(self, doing: &'static str) -> Result<Vec<CommitRow>, Error> {
        let (cids, rest) = self.cids.as_chunks::<16>();
        let columns = [cids.len(), self.page_counts.len(), self.commit_times.len(), self.lens.len()];
        if !rest.is_empty() || columns != [self.lsns.len(); 4] {
            return Err(damaged(doing)("the columns of a log are not of one length"));
        }
        let segments = split(self.joined.into(), &self.lens, doing)?;
        let numbers = self.lsns.into_iter().zip(self.page_counts).zip(self.commit_times);
        let commits = numbers.zip(cids).zip(segments).map(|((((lsn, page_count), at), cid), segments)| {
            Ok(CommitRow {
                lsn: lsn_from_sql(lsn, doing)?,
                cid: ClientId::try_from(cid.as_slice()).map_err(damaged(doing))?,
                page_count: page_count_from_sql(page_count, doing)?,
                timestamp: timestamp_from_sql(at, doing)?,
                segments,
            })
        });
        commits.collect()
    }
}

/// Takes apart what was put behind one another.
fn split(mut joined: Bytes, lens: &[i32], doing: &'static str) -> Result<Vec<SegmentList>, Error> {
    let lists = lens.iter().map(|len| {
        let len = usize::try_from(*len).ok().filter(|len| *len <= joined.len());
        let len = len.ok_or_else(|| damaged(doing)("the lengths of joined values do not add up"))?;
        Ok(SegmentList::from_row(joined.split_to(len)))
    });
    lists.collect()
}

/// The segments of some rows of `volume_commit`, behind one another.
#[derive(Debug, FromRow)]
pub(super) struct SpanRaw {
    last_lsn: i64,
    lens: Vec<i32>,
    joined: Vec<u8>,
}

impl SpanRaw {
    /// The span that the row stands for.
    pub(super) fn read(self, doing: &'static str) -> Result<SegmentsSpan, Error> {
        let lists = split(self.joined.into(), &self.lens, doing)?;
        Ok(SegmentsSpan { last: lsn_from_sql(self.last_lsn, doing)?, lists })
    }
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
