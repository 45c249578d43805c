//! One test a way in which a page's payload can be wrong.

use std::error::Error as _;

use bytes::Bytes;
use catgraft_core::{Clock, IdSource, PAGE_SIZE, RandomIds, SystemClock};
use catgraft_segment::{Error, PageLocation, SegmentIndex};

use crate::support::{GOLDEN, index, page, page_bytes, vid};

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

#[test]
fn a_damaged_segment_is_named_and_keeps_its_cause() {
    let segment = RandomIds.segment_id(SystemClock.now());
    let damaged = Error::IndexHash.in_segment(segment);
    assert_eq!(damaged.to_string(), format!("segment {segment} cannot be read"));
    assert_eq!(damaged.source().unwrap().to_string(), "the index does not match its hash");
}
