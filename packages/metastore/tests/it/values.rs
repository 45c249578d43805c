//! Small values to test with: ids by number, page sets, commits, segments.

use std::sync::Arc;

use catgraft_core::{ClientId, Lsn, PageCount, PageIndex, PageSet, SegmentId, Timestamp, VolumeId};
use catgraft_proto::{CommitCall, SegmentPages};
use metastore::catalog::{Catalog, CommitOutcome, SegmentRow, Snapshot};

/// The moment at which everything happens.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

fn random(number: u8) -> [u8; 9] {
    [number; 9]
}

pub(crate) fn vid(number: u8) -> VolumeId {
    VolumeId::from_parts(NOW, random(number))
}

pub(crate) fn sid(number: u8) -> SegmentId {
    SegmentId::from_parts(NOW, random(number))
}

pub(crate) fn cid(number: u8) -> ClientId {
    ClientId::from_parts(NOW, random(number))
}

pub(crate) fn lsn(number: u64) -> Lsn {
    Lsn::new(number).unwrap()
}

pub(crate) fn pages(numbers: impl IntoIterator<Item = u32>) -> PageSet {
    numbers.into_iter().map(|number| PageIndex::new(number).unwrap()).collect()
}

/// A segment with these pages of these volumes.
pub(crate) fn segment(number: u8, volumes: &[(VolumeId, PageSet)]) -> SegmentRow {
    SegmentRow {
        sid: sid(number),
        byte_len: 10_000,
        index_offset: 8192,
        index_len: 500,
        index_hash: [number; 32],
        volumes: volumes.to_vec(),
    }
}

/// A commit of volume `vid` by client 1, without segments.
pub(crate) fn commit(vid: VolumeId, base: Option<u64>) -> CommitCall {
    CommitCall { vid, cid: cid(1), base: base.map(lsn), page_count: PageCount::new(100), segments: Vec::new() }
}

/// The same with the pages of one segment.
pub(crate) fn commit_of(
    vid: VolumeId,
    base: Option<u64>,
    segment: u8,
    numbers: impl IntoIterator<Item = u32>,
) -> CommitCall {
    let segments = vec![SegmentPages { sid: sid(segment), pages: pages(numbers) }];
    CommitCall { segments, ..commit(vid, base) }
}

/// Commits what must be accepted.
pub(crate) async fn must_commit(catalog: &Arc<dyn Catalog>, call: CommitCall) -> Snapshot {
    match catalog.commit_append(call, NOW).await.unwrap() {
        CommitOutcome::Committed(snapshot) => snapshot,
        outcome => panic!("not committed: {outcome:?}"),
    }
}

/// Makes a volume with this many empty commits.
pub(crate) async fn volume(catalog: &Arc<dyn Catalog>, vid: VolumeId, commits: u64) {
    for number in 0..commits {
        must_commit(catalog, commit(vid, (number > 0).then_some(number))).await;
    }
}
