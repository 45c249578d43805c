//! One test a way in which a page's payload can be wrong.

use std::error::Error as _;

use bytes::Bytes;
use catgraft_core::{Clock, IdSource, PAGE_SIZE, RandomIds, SystemClock};
use catgraft_segment::{Codec, Error, PageLocation, SegmentIndex};

use crate::support::{GOLDEN, GOLDEN_LZ4, hash_of, index, page, page_bytes, prose_bytes, vid};

fn location(volume: u8, number: u32) -> PageLocation {
    let segment = SegmentIndex::from_object_tail(GOLDEN, GOLDEN.len() as u64).unwrap();
    segment.find(vid(volume), index(number)).unwrap()
}

#[test]
fn the_payload_that_was_written_is_opened_without_a_copy() {
    let payload = page_bytes(7);
    let opened = location(2, 7).open(vid(2), index(7), payload.clone()).unwrap();
    assert_eq!(opened, page(7));
    assert_eq!(opened.as_bytes().as_ptr(), payload.as_ptr());
}

#[test]
fn a_payload_of_another_length_is_refused() {
    let refused = |found| Err(Error::PayloadLength { vid: vid(2), index: index(7), expected: 4096, found });
    let longer = Bytes::from([&page_bytes(7)[..], &[0]].concat());
    assert_eq!(location(2, 7).open(vid(2), index(7), longer), refused(4097));
    assert_eq!(location(2, 7).open(vid(2), index(7), page_bytes(7).slice(..4095)), refused(4095));
    assert_eq!(location(2, 7).open(vid(2), index(7), Bytes::new()), refused(0));
}

#[test]
fn a_payload_with_one_bit_changed_is_refused() {
    for at in [0, 1, 2048, PAGE_SIZE - 1] {
        let mut payload = page_bytes(7).to_vec();
        payload[at] ^= 0x10;
        let opened = location(2, 7).open(vid(2), index(7), payload.into());
        assert_eq!(opened, Err(Error::PageHash { vid: vid(2), index: index(7) }), "byte {at}");
    }
}

#[test]
fn the_payload_of_another_page_is_refused() {
    let opened = location(1, 1).open(vid(1), index(1), page_bytes(3));
    assert_eq!(opened, Err(Error::PageHash { vid: vid(1), index: index(1) }));
}

#[test]
fn the_same_payload_in_another_place_is_refused() {
    for (volume, number) in [(1, 7), (2, 8)] {
        let opened = location(2, 7).open(vid(volume), index(number), page_bytes(7));
        assert_eq!(opened, Err(Error::PageHash { vid: vid(volume), index: index(number) }));
    }
}

/// Opens a payload that its writer vouches for as page 3 of volume 1.
fn open_lz4(payload: &[u8]) -> Result<Bytes, Error> {
    let (vid, index) = (vid(1), index(3));
    let hash = hash_of(vid, index, payload);
    let location = PageLocation { offset: 0, len: payload.len() as u32, codec: Codec::Lz4, hash };
    location.open(vid, index, Bytes::copy_from_slice(payload)).map(|page| page.into_bytes())
}

/// An LZ4 block of `len` zero bytes: one literal, one match as long as it takes, five literals.
fn lz4_zeros(len: usize) -> Vec<u8> {
    let more = len - 6 - 4 - 15;
    let mut block = vec![0x1f, 0, 1, 0];
    block.extend(std::iter::repeat_n(255, more / 255));
    block.extend([(more % 255) as u8, 0x50, 0, 0, 0, 0, 0]);
    block
}

#[test]
fn a_compressed_payload_becomes_a_page_with_memory_of_its_own() {
    let segment = SegmentIndex::from_object_tail(GOLDEN_LZ4, GOLDEN_LZ4.len() as u64).unwrap();
    let location = segment.find(vid(1), index(3)).unwrap();
    let range = location.range();
    let object = Bytes::from_static(GOLDEN_LZ4);
    let payload = object.slice(range.start as usize..range.end as usize);
    assert_eq!(location.open(vid(1), index(3), payload.clone()).unwrap().as_bytes(), &prose_bytes(3));
    let longer = object.slice(range.start as usize..range.end as usize + 1);
    let refused = Error::PayloadLength { vid: vid(1), index: index(3), expected: 404, found: 405 };
    assert_eq!(location.open(vid(1), index(3), longer), Err(refused));
    let mut changed = payload.to_vec();
    changed[200] ^= 1;
    let refused = Error::PageHash { vid: vid(1), index: index(3) };
    assert_eq!(location.open(vid(1), index(3), changed.into()), Err(refused));
}

#[test]
fn a_compressed_payload_that_is_more_or_less_than_a_page_is_refused() {
    let (vid, index) = (vid(1), index(3));
    assert_eq!(open_lz4(&lz4_zeros(PAGE_SIZE)), Ok(Bytes::from(vec![0; PAGE_SIZE])));
    for len in [100, PAGE_SIZE - 1] {
        assert_eq!(open_lz4(&lz4_zeros(len)), Err(Error::DecompressedTooShort { vid, index, len }));
    }
    // The last promises a mebibyte in 4095 bytes.
    for len in [PAGE_SIZE + 1, 2 * PAGE_SIZE, 1_041_456] {
        assert_eq!(open_lz4(&lz4_zeros(len)), Err(Error::DecompressedTooLong { vid, index }), "{len} bytes");
    }
    let literals = [&[0xf0, 255, 16][..], &[7; 286]].concat();
    assert_eq!(open_lz4(&literals), Err(Error::DecompressedTooShort { vid, index, len: 286 }));
}

#[test]
fn a_compressed_payload_that_lz4_does_not_make_is_refused() {
    let refused = Err(Error::NotLz4 { vid: vid(1), index: index(3) });
    let whole = lz4_zeros(PAGE_SIZE);
    for (payload, why) in [
        (&[][..], "no token"),
        (&[0x50, 1, 2], "fewer literals than are announced"),
        (&[0xf0, 255, 255], "a length that goes on"),
        (&[0x10, 9, 0, 0], "a match at offset 0"),
        (&[0x10, 9, 2, 0], "a match before the page"),
        (&[0x10, 9, 1], "half an offset"),
        (&whole[..whole.len() - 6], "no last literals"),
    ] {
        assert_eq!(open_lz4(payload), refused, "{why}");
    }
}

#[test]
fn a_damaged_segment_is_named_and_keeps_its_cause() {
    let segment = RandomIds.segment_id(SystemClock.now());
    let damaged = Error::IndexHash.in_segment(segment);
    assert_eq!(damaged.to_string(), format!("segment {segment} cannot be read"));
    assert_eq!(damaged.source().unwrap().to_string(), "the index does not match its hash");
}
