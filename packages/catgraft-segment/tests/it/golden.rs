//! The golden segments of version 1, one with raw pages only and one that has compressed ones too. They were made by a
//! program that shares no code with this crate, after the picture of the format, and are never made again: what reads
//! them today must read them for ever.

use bytes::Bytes;
use catgraft_core::PAGE_SIZE;
use catgraft_segment::{Codec, Compression, Footer, SegmentBuilder, SegmentIndex};

use crate::support::{
    GOLDEN, GOLDEN_INDEX, GOLDEN_LZ4, GOLDEN_LZ4_INDEX, footer_of, index, object_of, page, page_bytes, prose_bytes,
    read_known, read_unknown, vid,
};

const GOLDEN_INDEX_HASH: &str = "a241b0cc3fbaac7d7423e35ab2bebf3c891b884910ab220aa163a33e6c08b133";

fn golden_builder() -> SegmentBuilder {
    let mut builder = SegmentBuilder::new();
    builder.push(vid(2), index(7), page(7)).unwrap();
    let run = [page_bytes(3), page_bytes(1)].concat();
    builder.push_run(vid(1), &[index(3), index(1)], run.into()).unwrap();
    builder
}

#[test]
fn the_writer_makes_the_golden_segment_byte_for_byte() {
    assert!(object_of(&golden_builder().finish()) == GOLDEN, "the format has changed: it needs another version");
}

#[test]
fn the_golden_segment_reads_as_the_pages_it_was_made_of() {
    let expected = [((vid(1), index(1)), 1), ((vid(1), index(3)), 3), ((vid(2), index(7)), 7)];
    let expected = expected.map(|(key, number)| (key, page_bytes(number))).into();
    assert_eq!(read_unknown(GOLDEN), Ok(expected));
    let summary = golden_builder().finish().summary;
    assert_eq!(read_known(&summary, GOLDEN), read_unknown(GOLDEN));
}

#[test]
fn the_golden_footer_says_where_the_index_is() {
    let summary = Footer::decode(footer_of(GOLDEN), GOLDEN.len() as u64).unwrap();
    assert_eq!(summary, golden_builder().finish().summary);
    assert_eq!(summary.byte_len, 12_492);
    assert_eq!(summary.index_offset, 12_288);
    assert_eq!(summary.index_len, 124);
    assert_eq!(hex::encode(summary.index_hash), GOLDEN_INDEX_HASH);
    assert_eq!(summary.index_range(), Ok(GOLDEN_INDEX.start as u64..GOLDEN_INDEX.end as u64));
}

#[test]
fn pages_lie_in_the_order_they_were_written() {
    let segment = SegmentIndex::from_object_tail(GOLDEN, GOLDEN.len() as u64).unwrap();
    let offsets = [(vid(2), 7), (vid(1), 3), (vid(1), 1)].map(|(vid, number)| {
        let location = segment.find(vid, index(number)).unwrap();
        assert_eq!((location.len, location.codec), (PAGE_SIZE as u32, Codec::Raw));
        location.offset
    });
    assert_eq!(offsets, [0, 4096, 8192]);
    assert_eq!((segment.volume_count(), segment.page_count()), (2, 3));
}

#[test]
fn pages_that_the_segment_does_not_hold_are_not_found() {
    let segment = SegmentIndex::from_object_tail(GOLDEN, GOLDEN.len() as u64).unwrap();
    for (vid, number) in [(vid(1), 2), (vid(1), 7), (vid(2), 1), (vid(2), u32::MAX), (vid(0), 1), (vid(3), 7)] {
        assert_eq!(segment.find(vid, index(number)), None, "page {number} of {vid}");
    }
}

#[test]
fn the_end_of_the_object_is_enough_to_read_the_index() {
    let all = SegmentIndex::from_object_tail(GOLDEN, GOLDEN.len() as u64);
    assert!(all.is_ok());
    assert_eq!(SegmentIndex::from_object_tail(&GOLDEN[GOLDEN_INDEX.start..], GOLDEN.len() as u64), all);
}

/// The pages of the golden segment of codec lz4, in the order they were written.
fn golden_lz4_pages() -> [((u8, u32), Codec, Bytes); 5] {
    [
        ((2, 7), Codec::Raw, page_bytes(7)),
        ((1, 3), Codec::Lz4, prose_bytes(3)),
        ((1, 1), Codec::Lz4, Bytes::from(vec![0; PAGE_SIZE])),
        ((1, 9), Codec::Raw, page_bytes(9)),
        ((2, 8), Codec::Lz4, prose_bytes(8)),
    ]
}

#[test]
fn the_golden_segment_of_codec_lz4_reads_as_the_pages_it_was_made_of() {
    let expected = golden_lz4_pages().map(|((volume, number), _, bytes)| ((vid(volume), index(number)), bytes)).into();
    assert_eq!(read_unknown(GOLDEN_LZ4), Ok(expected));
    let summary = Footer::decode(footer_of(GOLDEN_LZ4), GOLDEN_LZ4.len() as u64).unwrap();
    assert_eq!(read_known(&summary, GOLDEN_LZ4), read_unknown(GOLDEN_LZ4));
    assert_eq!(summary.index_range(), Ok(GOLDEN_LZ4_INDEX.start as u64..GOLDEN_LZ4_INDEX.end as u64));
}

#[test]
fn the_golden_segment_of_codec_lz4_has_payloads_of_each_length_behind_one_another() {
    let segment = SegmentIndex::from_object_tail(GOLDEN_LZ4, GOLDEN_LZ4.len() as u64).unwrap();
    let mut end = 0;
    for (((volume, number), codec, _), len) in golden_lz4_pages().into_iter().zip([4096, 404, 26, 4096, 390]) {
        let location = segment.find(vid(volume), index(number)).unwrap();
        assert_eq!((location.codec, location.range()), (codec, end..end + len), "page {number} of volume {volume}");
        end += len;
    }
}

/// What a page is compressed to may change with the compressor, and which pages are compressed with the writer's choice.
#[test]
fn what_the_writer_makes_of_the_golden_pages_reads_as_the_golden_segment() {
    let mut builder = SegmentBuilder::with_compression(Compression::Lz4);
    for ((volume, number), _, bytes) in golden_lz4_pages() {
        builder.push_run(vid(volume), &[index(number)], bytes).unwrap();
    }
    assert_eq!(read_unknown(&object_of(&builder.finish())), read_unknown(GOLDEN_LZ4));
}
