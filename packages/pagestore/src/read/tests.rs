//! The answer against prost, and how reads of neighbours are joined.

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, Page, PageIndex, SegmentId, Timestamp};
use catgraft_proto::graft::pagestore::v1::{PageAtIdx, ReadPagesResponse};
use catgraft_segment::{Codec, PageLocation};
use prost::Message;

use super::{answer, fetch::range_reads};

fn page(number: u32) -> PageIndex {
    PageIndex::new(number).unwrap()
}

fn sid(number: u8) -> SegmentId {
    SegmentId::from_parts(Timestamp::from_millis(1), [number; 9])
}

/// A compressed page.
fn compressed(segment: u8, number: u32, offset: u64, len: u32) -> (SegmentId, PageIndex, PageLocation) {
    (sid(segment), page(number), PageLocation { offset, len, codec: Codec::Lz4, hash: [0; 16] })
}

fn located(segment: u8, number: u32, offset: u64) -> (SegmentId, PageIndex, PageLocation) {
    (sid(segment), page(number), PageLocation { offset, len: 4096, codec: Codec::Raw, hash: [0; 16] })
}

#[test]
fn the_answer_is_what_prost_would_encode() {
    let pages: Vec<(PageIndex, Page)> = [1, 127, 128, 300, u32::MAX]
        .map(|number| (page(number), Page::try_from(Bytes::from(vec![number as u8; PAGE_SIZE])).unwrap()))
        .into();
    let message = ReadPagesResponse {
        pages: pages
            .iter()
            .map(|(index, page)| PageAtIdx { pageidx: index.get(), data: page.as_bytes().clone() })
            .collect(),
    };
    assert_eq!(answer::encode(pages).concat(), message.encode_to_vec());
    assert_eq!(answer::encode(Vec::new()), Vec::<Bytes>::new());
}

#[test]
fn neighbours_are_read_at_once() {
    let reads = range_reads(vec![located(1, 2, 4096), located(1, 1, 0), located(1, 9, 40_960)]);
    let ranges: Vec<_> = reads.iter().map(|read| (read.range.clone(), read.pages.len())).collect();
    assert_eq!(ranges, [(0..45_056, 3)]);
}

#[test]
fn pages_far_apart_and_pages_of_other_segments_are_read_for_themselves() {
    let reads = range_reads(vec![located(1, 1, 0), located(1, 2, 4096 + 65_537), located(2, 1, 4096)]);
    assert_eq!(reads.len(), 3);
}

#[test]
fn one_range_is_no_longer_than_a_mebibyte() {
    let reads = range_reads((0..300).map(|number| located(1, number + 1, u64::from(number) * 4096)).collect());
    assert_eq!(reads.iter().map(|read| read.pages.len()).collect::<Vec<_>>(), [256, 44]);
}

#[test]
fn pages_of_any_length_are_read_at_once_up_to_the_same_distance() {
    let reads = range_reads(vec![
        compressed(1, 3, 4126 + 65_536, 500),
        compressed(1, 1, 0, 30),
        located(1, 2, 30),
        compressed(1, 4, 4126 + 65_536 + 500 + 65_537, 1),
    ]);
    let ranges: Vec<_> = reads.iter().map(|read| (read.range.clone(), read.pages.len())).collect();
    assert_eq!(ranges, [(0..70_162, 3), (135_699..135_700, 1)]);
}

#[test]
fn one_range_of_compressed_pages_has_as_many_as_fit_a_mebibyte() {
    let reads = range_reads((0..1000).map(|at| compressed(1, at + 1, u64::from(at) * 2000, 2000)).collect());
    assert_eq!(reads.iter().map(|read| read.pages.len()).collect::<Vec<_>>(), [524, 476]);
}
