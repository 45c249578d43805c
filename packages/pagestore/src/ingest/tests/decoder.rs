//! The decoder against prost: what prost encodes is decoded, however it is cut into pieces.

use bytes::Bytes;
use catgraft_core::{GidError, PAGE_SIZE, PageError, PageIndex, Timestamp, VolumeId};
use catgraft_proto::graft::pagestore::v1::{PageAtIdx, WritePagesRequest};
use proptest::prelude::*;
use prost::Message;

use crate::ingest::decoder::{DecodeError, Decoder, Run};

pub(super) fn vid(number: u8) -> VolumeId {
    VolumeId::from_parts(Timestamp::from_millis(1), [number; 9])
}

pub(super) fn page(index: u32) -> PageAtIdx {
    PageAtIdx { pageidx: index, data: Bytes::from(vec![(index % 251) as u8; PAGE_SIZE]) }
}

pub(super) fn request(vid: VolumeId, pages: Vec<PageAtIdx>) -> WritePagesRequest {
    WritePagesRequest { vid: Bytes::copy_from_slice(vid.as_bytes()), pages }
}

fn decode(body: &[u8], piece_len: usize) -> Result<Run, DecodeError> {
    let mut decoder = Decoder::new(usize::MAX >> 12, 0);
    for piece in body.chunks(piece_len.max(1)) {
        assert_eq!(decoder.feed(piece)?, piece.len());
    }
    decoder.finish()
}

fn error_of(body: &[u8]) -> DecodeError {
    decode(body, 1000).expect_err("the body is refused")
}

fn pages_of(run: &Run) -> Vec<PageAtIdx> {
    let data = run.data.chunks_exact(PAGE_SIZE).map(Bytes::copy_from_slice);
    run.indexes.iter().zip(data).map(|(index, data)| PageAtIdx { pageidx: index.get(), data }).collect()
}

#[test]
fn a_body_is_decoded_however_it_is_cut() {
    let request = request(vid(1), vec![page(3), page(1), page(70_000), page(u32::MAX)]);
    let body = request.encode_to_vec();
    for piece_len in [1, 2, 3, 7, 16, 17, 4095, 4096, 4097, 4108, body.len()] {
        let run = decode(&body, piece_len).unwrap();
        assert_eq!(run.vid, vid(1));
        assert_eq!(pages_of(&run), request.pages, "pieces of {piece_len}");
    }
}

#[test]
fn a_run_takes_the_memory_of_its_pages_where_the_length_of_the_body_is_known() {
    let body = request(vid(1), (1..=5).map(page).collect()).encode_to_vec();
    for run_pages in [5, 256] {
        let mut decoder = Decoder::new(run_pages, body.len());
        assert_eq!(decoder.feed(&body).unwrap(), body.len());
        let run = decoder.finish().unwrap();
        assert_eq!((run.data.len(), run.capacity), (5 * PAGE_SIZE, 5 * PAGE_SIZE));
    }
}

#[test]
fn a_full_run_is_taken_before_the_decoder_goes_on() {
    let request = request(vid(1), (1..=9).map(page).collect());
    let body = request.encode_to_vec();
    for piece_len in [1, 1000, 9000, body.len()] {
        let mut decoder = Decoder::new(2, body.len());
        let (mut pages, mut runs) = (Vec::new(), Vec::new());
        for mut piece in body.chunks(piece_len) {
            while !piece.is_empty() {
                let taken = decoder.feed(piece).unwrap();
                piece = &piece[taken..];
                if decoder.run_is_full() {
                    let run = decoder.take_run(body.len()).unwrap();
                    runs.push(run.indexes.len());
                    pages.extend(pages_of(&run));
                }
            }
        }
        let last = decoder.finish().unwrap();
        runs.push(last.indexes.len());
        pages.extend(pages_of(&last));
        assert_eq!((pages, runs), (request.pages.clone(), vec![2, 2, 2, 2, 1]), "pieces of {piece_len}");
    }
}

#[test]
fn fields_come_in_any_order_and_unknown_ones_are_passed_over() {
    let data = page(5).data;
    let mut inner = vec![0x1a, 2, 9, 9, 0x12, 0x80, 0x20];
    inner.extend_from_slice(&data);
    inner.extend_from_slice(&[0x08, 5, 0x21, 1, 2, 3, 4, 5, 6, 7, 8]);
    let mut body = vec![0x18, 0x96, 0x01, 0x2d, 1, 2, 3, 4, 0x12];
    prost::encoding::encode_varint(inner.len() as u64, &mut body);
    body.extend_from_slice(&inner);
    body.extend_from_slice(&[0x0a, 16]);
    body.extend_from_slice(vid(1).as_bytes());
    body.extend_from_slice(&[0x22, 0]);
    for piece_len in [1, 5, body.len()] {
        let run = decode(&body, piece_len).unwrap();
        assert_eq!((run.vid, run.indexes.as_slice()), (vid(1), &[PageIndex::new(5).unwrap()][..]));
        assert_eq!(run.data, data);
    }
}

#[test]
fn of_a_field_that_comes_twice_the_last_one_counts() {
    let mut inner = vec![0x08, 7, 0x12, 3, 1, 2, 3, 0x12, 0x80, 0x20];
    inner.extend_from_slice(&page(9).data);
    inner.extend_from_slice(&[0x08, 9]);
    let mut body = request(vid(1), vec![]).encode_to_vec();
    body.extend(request(vid(2), vec![]).encode_to_vec());
    body.push(0x12);
    prost::encoding::encode_varint(inner.len() as u64, &mut body);
    body.extend_from_slice(&inner);
    let run = decode(&body, 3).unwrap();
    assert_eq!((run.vid, pages_of(&run)), (vid(2), vec![page(9)]));
}

#[test]
fn an_empty_body_has_no_volume() {
    assert_eq!(error_of(&[]), DecodeError::VolumeId(GidError::Length { kind: "volume", len: 0 }));
}

#[test]
fn a_request_without_pages_is_a_run_without_pages() {
    assert!(decode(&request(vid(1), vec![]).encode_to_vec(), 4).unwrap().indexes.is_empty());
}

#[test]
fn every_truncation_is_refused() {
    let body = request(vid(1), vec![page(1)]).encode_to_vec();
    for len in (0..body.len()).filter(|len| ![18].contains(len)) {
        assert!(decode(&body[..len], 500).is_err(), "the first {len} bytes");
    }
}

#[test]
fn index_zero_is_refused() {
    let zero = PageAtIdx { pageidx: 0, ..page(1) };
    assert_eq!(error_of(&request(vid(1), vec![zero]).encode_to_vec()), DecodeError::Page(PageError::IndexZero));
}

#[test]
fn a_page_of_another_size_is_refused() {
    for len in [0, 1, 4095, 4097] {
        let wrong = PageAtIdx { pageidx: 3, data: vec![1; len].into() };
        let index = PageIndex::new(3).unwrap();
        assert_eq!(error_of(&request(vid(1), vec![wrong]).encode_to_vec()), DecodeError::PageSize { index, len });
    }
    let huge = PageAtIdx { pageidx: 3, data: vec![1; 100_000].into() };
    assert_eq!(error_of(&request(vid(1), vec![huge]).encode_to_vec()), DecodeError::PageMessage { len: 100_006 });
}

#[test]
fn a_repeated_index_is_refused_also_across_runs() {
    let body = request(vid(1), vec![page(4), page(5), page(4)]).encode_to_vec();
    let twice = DecodeError::PageTwice(PageIndex::new(4).unwrap());
    assert_eq!(error_of(&body), twice);
    let mut decoder = Decoder::new(2, 0);
    let taken = decoder.feed(&body).unwrap();
    assert_eq!(decoder.take_run(0).unwrap().indexes.len(), 2);
    assert_eq!(decoder.feed(&body[taken..]), Err(twice));
}

#[test]
fn a_volume_that_changes_after_pages_were_taken_is_refused() {
    let mut decoder = Decoder::new(1, 0);
    decoder.feed(&request(vid(1), vec![page(1)]).encode_to_vec()).unwrap();
    decoder.take_run(0).unwrap();
    let outcome = decoder.feed(&request(vid(2), vec![]).encode_to_vec());
    assert_eq!(outcome, Err(DecodeError::VolumeIdChanges { from: vid(1), to: vid(2) }));
}

#[test]
fn pages_that_have_to_go_before_the_volume_is_known_are_refused() {
    let mut decoder = Decoder::new(1, 0);
    let body = request(vid(1), vec![page(1)]).encode_to_vec();
    decoder.feed(&body[18..]).unwrap();
    assert_eq!(decoder.take_run(0), Err(DecodeError::VolumeIdLate));
}

#[test]
fn wrong_wire_types_tags_and_varints_are_refused() {
    assert_eq!(error_of(&[0x08, 1]), DecodeError::WireType { field: 1, wire_type: 0 });
    assert_eq!(error_of(&[0x1b]), DecodeError::WireType { field: 3, wire_type: 3 });
    assert_eq!(error_of(&[0x02]), DecodeError::Tag(2));
    assert_eq!(error_of(&[0xff; 11]), DecodeError::Varint);
    assert_eq!(error_of(&[0xf8, 0xff, 0xff, 0xff, 0xff, 0x01]), DecodeError::Tag(0xf_ffff_fff8));
    assert_eq!(error_of(&[0x12, 2, 0x08, 0x80]), DecodeError::PageField);
    assert_eq!(error_of(&[0x12, 4, 0x12, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9]), DecodeError::PageField);
    let mut large = vec![0x12, 7, 0x08];
    prost::encoding::encode_varint(1 << 33, &mut large);
    assert_eq!(error_of(&large), DecodeError::IndexLarge(1 << 33));
}

proptest! {
    #[test]
    fn what_prost_encodes_is_decoded(indexes in prop::collection::btree_set(1u32.., 0..8), piece_len in 1usize..9000) {
        let request = request(vid(9), indexes.into_iter().map(page).collect());
        let run = decode(&request.encode_to_vec(), piece_len).unwrap();
        prop_assert_eq!(pages_of(&run), request.pages);
    }
}
