//! A commit as the metastore tells it, taken apart for the index: a large one in several pieces.

use std::iter;

use catgraft_core::{GidError, Lsn, LsnError, PageCount, PageSet, PageSetError, SegmentId, limits::SEGMENT_PAGES_MAX};
use catgraft_proto::{
    catgraft::internal::v1::{LogCommit, SegmentList},
    graft::common::v1::SegmentInfo,
};
use prost::{DecodeError, Message};

use super::versions::LoggedCommit;

/// Most segments of a piece.
pub(super) const SEGMENTS_AT_ONCE: usize = 64;

/// Why a commit can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    #[error(transparent)]
    Lsn(#[from] LsnError),
    #[error("the list of its segments does not decode")]
    List(#[from] DecodeError),
    #[error("a segment of it has no id")]
    Segment(#[from] GidError),
    #[error("the pages of a segment do not decode")]
    Pages(#[from] PageSetError),
}

/// The pieces of a commit, at least one, up to the first that can't be read; with that, the number that the commit has.
pub(super) fn pieces(commit: LogCommit) -> impl Iterator<Item = Result<LoggedCommit, (u64, CommitError)>> {
    let LogCommit { lsn, page_count, segments } = commit;
    let mut left = Some(SegmentList::decode(segments).map(|list| list.segments.into_iter()));
    iter::from_fn(move || {
        let piece = left.take()?.map_err(CommitError::from).and_then(|mut segments| {
            let piece = piece(lsn, page_count, segments.by_ref().take(SEGMENTS_AT_ONCE))?;
            let is_last = segments.len() == 0;
            if !is_last {
                left = Some(Ok(segments));
            }
            Ok(LoggedCommit { is_last, ..piece })
        });
        Some(piece.map_err(|error| (lsn, error)))
    })
}

fn piece(
    lsn: u64,
    page_count: u32,
    infos: impl ExactSizeIterator<Item = SegmentInfo>,
) -> Result<LoggedCommit, CommitError> {
    let (mut segments, mut pages) = (Vec::with_capacity(infos.len()), Vec::new());
    for SegmentInfo { sid, graft } in infos {
        let before = pages.len();
        PageSet::decode_into(&graft, SEGMENT_PAGES_MAX, &mut pages)?;
        segments.push((SegmentId::try_from(sid.as_ref())?, pages.len() - before));
    }
    let (lsn, page_count) = (Lsn::try_from(lsn)?, PageCount::new(page_count));
    Ok(LoggedCommit { lsn, page_count, segments, pages, is_last: false })
}
