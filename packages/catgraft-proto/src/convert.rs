//! From wire messages to core types: one `TryFrom` a message, which refuses all that the protocol refuses
//! and that can be seen without a catalog.

use std::num::NonZeroU32;

use bytes::Bytes;
use catgraft_core::{
    ClientId, GidError, Lsn, LsnError, LsnRange, PageCount, PageIndex, PageSet, PageSetError, SegmentId, Timestamp,
    VolumeId,
    limits::{READ_PAGES_MAX, SEGMENT_PAGES_MAX},
};

use crate::generated::{
    catgraft::internal::v1::ReadLogRequest,
    graft::{
        common::v1::{LsnRange as WireRange, SegmentInfo},
        metastore::v1::{CommitRequest, PullCommitsRequest, PullGraftRequest, SnapshotRequest},
        pagestore::v1::ReadPagesRequest,
    },
};

/// Why a message is refused: the field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// A field that holds no id of its kind.
    #[error("{field}: {source}")]
    Id {
        /// The field's name in the .proto file.
        field: &'static str,
        /// What is wrong.
        source: GidError,
    },
    /// A field that holds no LSN, or a range that is none.
    #[error("{field}: {source}")]
    Lsn {
        /// The field's name in the .proto file.
        field: &'static str,
        /// What is wrong.
        source: LsnError,
    },
    /// A field that holds no page set, or one that is too large.
    #[error("{field}: {source}")]
    PageSet {
        /// The field's name in the .proto file.
        field: &'static str,
        /// What is wrong.
        source: PageSetError,
    },
    /// A commit that takes one page from two of its segments.
    #[error("segments: page {page} is in the graft of two segments of one commit")]
    PageTwice {
        /// The page.
        page: PageIndex,
    },
}

/// The pages that a commit takes from one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentPages {
    /// The segment.
    pub sid: SegmentId,
    /// The pages.
    pub pages: PageSet,
}

impl SegmentPages {
    /// The wire message.
    pub fn to_wire(&self) -> SegmentInfo {
        SegmentInfo { sid: id_to_wire(self.sid.as_bytes()), graft: self.pages.encode() }
    }
}

impl TryFrom<SegmentInfo> for SegmentPages {
    type Error = InvalidMessage;
    fn try_from(info: SegmentInfo) -> Result<Self, InvalidMessage> {
        Ok(Self {
            sid: info.sid.as_ref().try_into().map_err(|source| InvalidMessage::Id { field: "sid", source })?,
            pages: page_set(&info.graft, SEGMENT_PAGES_MAX)?,
        })
    }
}

/// Asks for the snapshot of a volume at an LSN, or at its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotCall {
    /// The volume.
    pub vid: VolumeId,
    /// The LSN; none means the head.
    pub lsn: Option<Lsn>,
}

impl TryFrom<SnapshotRequest> for SnapshotCall {
    type Error = InvalidMessage;
    fn try_from(request: SnapshotRequest) -> Result<Self, InvalidMessage> {
        Ok(Self { vid: volume_id(&request.vid)?, lsn: request.lsn.map(|number| lsn("lsn", number)).transpose()? })
    }
}

/// Asks for what changed in a range: the body of `pull_graft` and of `pull_commits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullCall {
    /// The volume.
    pub vid: VolumeId,
    /// The range; none means from the checkpoint to the head.
    pub range: Option<LsnRange>,
}

impl TryFrom<PullGraftRequest> for PullCall {
    type Error = InvalidMessage;
    fn try_from(request: PullGraftRequest) -> Result<Self, InvalidMessage> {
        Ok(Self { vid: volume_id(&request.vid)?, range: request.range.map(range).transpose()? })
    }
}

impl TryFrom<PullCommitsRequest> for PullCall {
    type Error = InvalidMessage;
    fn try_from(request: PullCommitsRequest) -> Result<Self, InvalidMessage> {
        Ok(Self { vid: volume_id(&request.vid)?, range: request.range.map(range).transpose()? })
    }
}

/// Asks to commit a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitCall {
    /// The volume.
    pub vid: VolumeId,
    /// Who writes.
    pub cid: ClientId,
    /// The LSN that the transaction was made on; none means that the volume is new.
    pub base: Option<Lsn>,
    /// Length of the volume after the transaction.
    pub page_count: PageCount,
    /// Where the changed pages are. No page is in two of them.
    pub segments: Vec<SegmentPages>,
}

impl CommitCall {
    /// All pages that the transaction changed.
    pub fn pages(&self) -> PageSet {
        let mut pages = PageSet::new();
        for segment in &self.segments {
            pages.union_with(&segment.pages);
        }
        pages
    }
}

impl TryFrom<CommitRequest> for CommitCall {
    type Error = InvalidMessage;
    fn try_from(request: CommitRequest) -> Result<Self, InvalidMessage> {
        let segments: Vec<SegmentPages> =
            request.segments.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        refuse_page_twice(&segments)?;
        Ok(Self {
            vid: volume_id(&request.vid)?,
            cid: request.cid.as_ref().try_into().map_err(|source| InvalidMessage::Id { field: "cid", source })?,
            base: request.snapshot_lsn.map(|number| lsn("snapshot_lsn", number)).transpose()?,
            page_count: PageCount::new(request.page_count),
            segments,
        })
    }
}

/// Asks for pages as they were at an LSN.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadPagesCall {
    /// The volume.
    pub vid: VolumeId,
    /// The LSN.
    pub lsn: Lsn,
    /// The pages, at most [`READ_PAGES_MAX`].
    pub pages: PageSet,
}

impl TryFrom<ReadPagesRequest> for ReadPagesCall {
    type Error = InvalidMessage;
    fn try_from(request: ReadPagesRequest) -> Result<Self, InvalidMessage> {
        Ok(Self {
            vid: volume_id(&request.vid)?,
            lsn: lsn("lsn", request.lsn)?,
            pages: page_set(&request.graft, READ_PAGES_MAX)?,
        })
    }
}

/// Asks for the commits of a volume that the asker does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLogCall {
    /// The volume.
    pub vid: VolumeId,
    /// The last LSN known; none where none is.
    pub after: Option<Lsn>,
    /// Most commits of the answer; none where it may hold as many as fit.
    pub commits_max: Option<NonZeroU32>,
}

impl TryFrom<ReadLogRequest> for ReadLogCall {
    type Error = InvalidMessage;
    fn try_from(request: ReadLogRequest) -> Result<Self, InvalidMessage> {
        Ok(Self {
            vid: volume_id(&request.vid)?,
            after: Lsn::new(request.after_lsn),
            commits_max: NonZeroU32::new(request.commits_max),
        })
    }
}

/// A resolved range, both ends set.
pub fn range_to_wire(start: Lsn, end: Lsn) -> WireRange {
    WireRange { inclusive_start: start.get(), inclusive_end: Some(end.get()) }
}

/// A moment as protobuf has it.
pub fn timestamp_to_wire(at: Timestamp) -> prost_types::Timestamp {
    let ms = at.as_millis();
    let seconds = i64::try_from(ms / 1000).expect("a u64 of milliseconds is an i64 of seconds");
    let nanos = i32::try_from(ms % 1000 * 1_000_000).expect("below a thousand million");
    prost_types::Timestamp { seconds, nanos }
}

fn id_to_wire(id: &[u8; 16]) -> Bytes {
    Bytes::copy_from_slice(id)
}

fn volume_id(bytes: &Bytes) -> Result<VolumeId, InvalidMessage> {
    bytes.as_ref().try_into().map_err(|source| InvalidMessage::Id { field: "vid", source })
}

fn lsn(field: &'static str, number: u64) -> Result<Lsn, InvalidMessage> {
    number.try_into().map_err(|source| InvalidMessage::Lsn { field, source })
}

fn range(wire: WireRange) -> Result<LsnRange, InvalidMessage> {
    let start = lsn("range.inclusive_start", wire.inclusive_start)?;
    let end = wire.inclusive_end.map(|number| lsn("range.inclusive_end", number)).transpose()?;
    LsnRange::new(start, end).map_err(|source| InvalidMessage::Lsn { field: "range", source })
}

fn page_set(wire: &[u8], len_max: u64) -> Result<PageSet, InvalidMessage> {
    PageSet::decode(wire, len_max).map_err(|source| InvalidMessage::PageSet { field: "graft", source })
}

fn refuse_page_twice(segments: &[SegmentPages]) -> Result<(), InvalidMessage> {
    let mut seen = PageSet::new();
    for segment in segments {
        if let Some(page) = segment.pages.iter().find(|page| seen.contains(*page)) {
            return Err(InvalidMessage::PageTwice { page });
        }
        seen.union_with(&segment.pages);
    }
    Ok(())
}
