//! One test a way in which an index can be wrong, with a summary that vouches for it.

use catgraft_core::{GidError, PAGE_SIZE};
use catgraft_segment::{Error, FOOTER_LEN, SEGMENT_PAGES_MAX, SegmentIndex, SegmentSummary};

use crate::support::{GOLDEN, GOLDEN_INDEX, index, vid};

/// The golden index begins with volume 1: its head, page 1 and page 3; then volume 2: its head and page 7.
const PAGE_1: usize = 20;
const PAGE_3: usize = 48;
const VOLUME_2: usize = 76;
const PAGE_7: usize = 96;
/// Fields of an entry.
const OFFSET: usize = 4;
const LENGTH: usize = 8;
const CODEC: usize = 10;
const RESERVED: usize = 11;

fn summary_of(index: &[u8], index_offset: u64) -> SegmentSummary {
    SegmentSummary {
        byte_len: index_offset + (index.len() + FOOTER_LEN) as u64,
        index_offset,
        index_len: index.len() as u32,
        index_hash: blake3::hash(index).into(),
    }
}

fn decode(index: &[u8], pages: usize) -> Result<SegmentIndex, Error> {
    SegmentIndex::decode(&summary_of(index, (pages * PAGE_SIZE) as u64), index)
}

/// What the golden index reads as after a change that the summary vouches for.
fn decode_changed(change: impl FnOnce(&mut Vec<u8>)) -> Result<SegmentIndex, Error> {
    let mut index = GOLDEN[GOLDEN_INDEX].to_vec();
    change(&mut index);
    decode(&index, 3)
}

fn put(index: &mut [u8], at: usize, number: u32) {
    index[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

#[test]
fn the_golden_index_without_a_change_is_read() {
    assert_eq!(decode_changed(|_| ()).map(|index| index.page_count()), Ok(3));
}

#[test]
fn an_index_of_another_length_is_refused() {
    let bytes = &GOLDEN[GOLDEN_INDEX];
    let summary = summary_of(bytes, 12_288);
    let refused = |found| Err(Error::IndexLength { expected: 124, found });
    assert_eq!(SegmentIndex::decode(&summary, &bytes[..123]), refused(123));
    assert_eq!(SegmentIndex::decode(&summary, &[bytes, &[0]].concat()), refused(125));
    assert_eq!(SegmentIndex::decode(&summary, &[]), refused(0));
}

#[test]
fn an_index_that_does_not_match_its_hash_is_refused() {
    let mut bytes = GOLDEN[GOLDEN_INDEX].to_vec();
    let summary = summary_of(&bytes, 12_288);
    bytes[PAGE_1 + 12] ^= 1;
    assert_eq!(SegmentIndex::decode(&summary, &bytes), Err(Error::IndexHash));
}

#[test]
fn a_summary_whose_numbers_do_not_add_up_is_refused() {
    let bytes = &GOLDEN[GOLDEN_INDEX];
    let summary = SegmentSummary { byte_len: 12_493, ..summary_of(bytes, 12_288) };
    let refused = Error::Extent { byte_len: 12_493, index_offset: 12_288, index_len: 124 };
    assert_eq!(SegmentIndex::decode(&summary, bytes), Err(refused));
}

#[test]
fn a_summary_with_an_index_longer_than_any_is_refused() {
    let bytes = vec![0; 196_609];
    assert_eq!(decode(&bytes, 0), Err(Error::IndexTooLong { len: 196_609 }));
}

#[test]
fn an_index_that_ends_within_a_volume_is_refused() {
    for len in (1..PAGE_3 + 28).chain(VOLUME_2 + 1..124) {
        let position = if len <= VOLUME_2 { 0 } else { 1 };
        assert_eq!(decode_changed(|index| index.truncate(len)), Err(Error::IndexEndsEarly { position }), "{len} bytes");
    }
}

#[test]
fn a_volume_that_counts_more_pages_than_there_are_bytes_is_refused() {
    for count in [2, u32::MAX] {
        let refused = Err(Error::IndexEndsEarly { position: 1 });
        assert_eq!(decode_changed(|index| put(index, VOLUME_2 + 16, count)), refused);
    }
}

#[test]
fn bytes_after_the_last_volume_are_refused() {
    assert_eq!(decode_changed(|index| index.push(0)), Err(Error::IndexEndsEarly { position: 2 }));
}

#[test]
fn an_id_that_is_no_volume_id_is_refused() {
    let source = GidError::Prefix { kind: "volume", expected: 0x80, found: 0xa0 };
    assert_eq!(decode_changed(|index| index[VOLUME_2] = 0xa0), Err(Error::Volume { position: 1, source }));
}

#[test]
fn volumes_out_of_order_are_refused() {
    let swapped = decode_changed(|index| index.rotate_left(VOLUME_2));
    assert_eq!(swapped, Err(Error::VolumeOrder { vid: vid(1) }));
}

#[test]
fn a_volume_that_is_there_twice_is_refused() {
    let twice = decode_changed(|index| index.copy_within(..16, VOLUME_2));
    assert_eq!(twice, Err(Error::VolumeOrder { vid: vid(1) }));
}

#[test]
fn a_volume_without_pages_is_refused() {
    let empty = decode_changed(|index| {
        put(index, VOLUME_2 + 16, 0);
        index.truncate(PAGE_7);
    });
    assert_eq!(empty, Err(Error::VolumeEmpty { vid: vid(2) }));
}

/// An index of one volume with this many pages that fill their area.
fn index_of_one_volume(pages: usize) -> Vec<u8> {
    let mut bytes = [vid(1).as_bytes().as_slice(), &(pages as u32).to_le_bytes()].concat();
    for at in 0..pages as u32 {
        bytes.extend_from_slice(&(at + 1).to_le_bytes());
        bytes.extend_from_slice(&(at * PAGE_SIZE as u32).to_le_bytes());
        bytes.extend_from_slice(&(PAGE_SIZE as u16).to_le_bytes());
        bytes.extend_from_slice(&[0; 18]);
    }
    bytes
}

#[test]
fn more_pages_than_a_segment_holds_are_refused() {
    assert!(decode(&index_of_one_volume(SEGMENT_PAGES_MAX), SEGMENT_PAGES_MAX).is_ok());
    let one_more = SEGMENT_PAGES_MAX + 1;
    assert_eq!(decode(&index_of_one_volume(one_more), one_more), Err(Error::TooManyPages));
}

#[test]
fn page_0_is_refused() {
    assert_eq!(decode_changed(|index| put(index, PAGE_1, 0)), Err(Error::PageZero { vid: vid(1) }));
}

#[test]
fn pages_out_of_order_are_refused() {
    let refused = Err(Error::PageOrder { vid: vid(1), index: index(3) });
    assert_eq!(decode_changed(|bytes| put(bytes, PAGE_1, 4)), refused);
}

#[test]
fn a_page_that_is_there_twice_is_refused() {
    let refused = Err(Error::PageOrder { vid: vid(1), index: index(3) });
    assert_eq!(decode_changed(|bytes| put(bytes, PAGE_1, 3)), refused);
}

#[test]
fn a_codec_of_a_newer_catgraft_is_refused_and_named() {
    let refused = |found| Err(Error::Codec { vid: vid(2), index: index(7), found });
    assert_eq!(decode_changed(|index| index[PAGE_7 + CODEC] = 2), refused(2));
    assert_eq!(decode_changed(|index| index[PAGE_7 + CODEC] = 255), refused(255));
}

#[test]
fn the_reserved_byte_of_an_entry_must_be_zero() {
    let refused = Err(Error::EntryReserved { vid: vid(1), index: index(3) });
    assert_eq!(decode_changed(|index| index[PAGE_3 + RESERVED] = 1), refused);
}

#[test]
fn a_raw_payload_of_another_length_than_a_page_is_refused() {
    for len in [0, 4095, 4097, u16::MAX] {
        let changed =
            decode_changed(|index| index[PAGE_7 + LENGTH..PAGE_7 + CODEC].copy_from_slice(&len.to_le_bytes()));
        assert_eq!(changed, Err(Error::EntryLength { vid: vid(2), index: index(7), len: u32::from(len) }));
    }
}

#[test]
fn a_compressed_payload_of_no_byte_or_as_long_as_a_page_is_refused() {
    for len in [0, 4096, 4097, u16::MAX] {
        let changed = decode_changed(|index| {
            index[PAGE_7 + CODEC] = 1;
            index[PAGE_7 + LENGTH..PAGE_7 + CODEC].copy_from_slice(&len.to_le_bytes());
        });
        assert_eq!(changed, Err(Error::EntryLength { vid: vid(2), index: index(7), len: u32::from(len) }));
    }
}

#[test]
fn a_compressed_payload_that_is_shorter_or_longer_than_its_place_is_refused() {
    // Page 7 lies first in the pages area, page 3 behind it at 4096.
    let shorter = decode_changed(|index| {
        index[PAGE_7 + CODEC] = 1;
        index[PAGE_7 + LENGTH..PAGE_7 + CODEC].copy_from_slice(&4095_u16.to_le_bytes());
    });
    assert_eq!(shorter, Err(Error::PagesGap { offset: 4095 }));
    let longer = decode_changed(|index| {
        put(index, PAGE_7 + OFFSET, 2);
        index[PAGE_7 + CODEC] = 1;
        index[PAGE_7 + LENGTH..PAGE_7 + CODEC].copy_from_slice(&4095_u16.to_le_bytes());
        put(index, PAGE_3 + OFFSET, 4096);
    });
    assert_eq!(longer, Err(Error::PagesGap { offset: 0 }), "nothing fills its first bytes");
}

#[test]
fn a_page_beyond_the_pages_area_is_refused() {
    let refused = Err(Error::PageOutside { vid: vid(1), index: index(1) });
    for offset in [8193, 12_288, u32::MAX] {
        assert_eq!(decode_changed(|index| put(index, PAGE_1 + OFFSET, offset)), refused);
    }
}

#[test]
fn pages_that_overlap_are_refused() {
    // Page 3 lies at 4096 and page 1 behind it.
    for offset in [4096, 4097, 8191] {
        let changed = decode_changed(|index| put(index, PAGE_1 + OFFSET, offset));
        assert!(
            matches!(changed, Err(Error::PageOverlap { vid: found, .. }) if found == vid(1)),
            "{offset}: {changed:?}"
        );
    }
}

#[test]
fn bytes_between_pages_that_belong_to_none_are_refused() {
    let bytes = GOLDEN[GOLDEN_INDEX].to_vec();
    assert_eq!(decode(&bytes, 4), Err(Error::PagesGap { offset: 12_288 }), "behind the last page");
    let mut moved = bytes;
    put(&mut moved, PAGE_1 + OFFSET, 12_288);
    assert_eq!(decode(&moved, 4), Err(Error::PagesGap { offset: 8192 }), "before the last page");
}
