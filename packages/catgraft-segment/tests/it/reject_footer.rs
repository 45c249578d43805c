//! One test a way in which a footer can be wrong.

use catgraft_segment::{Error, FOOTER_LEN, Footer, SEGMENT_PAGES_MAX, SegmentBuilder, SegmentIndex, SegmentSummary};

use crate::support::{GOLDEN, footer_of, index, object_of, page, vid};

const LEN: u64 = GOLDEN.len() as u64;

/// Writes the checksum that makes a changed footer whole again.
fn mend(footer: &mut [u8]) {
    let checksum = blake3::hash(&[&footer[..52], &footer[68..]].concat());
    footer[52..68].copy_from_slice(&checksum.as_bytes()[..16]);
}

/// What the golden footer reads as after a change, under a checksum that fits.
fn decode_changed(change: impl FnOnce(&mut [u8])) -> Result<SegmentSummary, Error> {
    let mut footer = footer_of(GOLDEN).to_vec();
    change(&mut footer);
    mend(&mut footer);
    Footer::decode(&footer, LEN)
}

fn put(footer: &mut [u8], at: usize, number: u32) {
    footer[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

#[test]
fn a_mended_footer_without_a_change_is_read() {
    assert_eq!(decode_changed(|_| ()).map(|summary| summary.index_len), Ok(124));
}

#[test]
fn a_footer_of_another_length_is_refused() {
    let at = GOLDEN.len() - FOOTER_LEN;
    assert_eq!(Footer::decode(&GOLDEN[at + 1..], LEN), Err(Error::FooterLength { len: 79 }));
    assert_eq!(Footer::decode(&GOLDEN[at - 1..], LEN), Err(Error::FooterLength { len: 81 }));
    assert_eq!(SegmentIndex::from_object_tail(&GOLDEN[at + 1..], LEN), Err(Error::FooterLength { len: 79 }));
}

#[test]
fn an_object_that_is_no_segment_is_refused() {
    assert_eq!(decode_changed(|footer| footer[79] = b'X'), Err(Error::Magic));
}

#[test]
fn another_version_is_refused_and_named() {
    assert_eq!(decode_changed(|footer| footer[68] = 2), Err(Error::Version { found: 2 }));
    assert_eq!(decode_changed(|footer| footer[68] = 0), Err(Error::Version { found: 0 }));
}

#[test]
fn a_newer_version_is_named_even_where_its_checksum_lies_elsewhere() {
    let mut footer = footer_of(GOLDEN).to_vec();
    footer[..68].fill(0x5a);
    footer[68] = 9;
    assert_eq!(Footer::decode(&footer, LEN), Err(Error::Version { found: 9 }));
}

#[test]
fn a_footer_that_does_not_match_its_checksum_is_refused() {
    let mut footer = footer_of(GOLDEN).to_vec();
    footer[20] ^= 1;
    assert_eq!(Footer::decode(&footer, LEN), Err(Error::FooterChecksum));
}

#[test]
fn reserved_bytes_of_the_footer_must_be_zero() {
    assert_eq!(decode_changed(|footer| footer[70] = 1), Err(Error::FooterReserved));
    assert_eq!(decode_changed(|footer| footer[71] = 1), Err(Error::FooterReserved));
}

#[test]
fn counts_that_do_not_give_the_index_its_length_are_refused() {
    let refused = |volumes, pages| Err(Error::FooterCounts { volumes, pages, index_len: 124 });
    assert_eq!(decode_changed(|footer| put(footer, 12, 1)), refused(1, 3));
    assert_eq!(decode_changed(|footer| put(footer, 16, 4)), refused(2, 4));
    assert_eq!(decode_changed(|footer| put(footer, 16, u32::MAX)), refused(2, u32::MAX));
}

#[test]
fn more_volumes_than_pages_are_refused() {
    // 9 volumes and no page would give an index of 180 bytes, as 2 volumes and 5 pages do.
    let mut footer = footer_of(GOLDEN).to_vec();
    put(&mut footer, 8, 180);
    put(&mut footer, 12, 9);
    put(&mut footer, 16, 0);
    mend(&mut footer);
    let refused = Err(Error::FooterCounts { volumes: 9, pages: 0, index_len: 180 });
    assert_eq!(Footer::decode(&footer, LEN + 180 - 124), refused);
}

#[test]
fn more_pages_than_a_segment_holds_are_refused() {
    let pages = SEGMENT_PAGES_MAX as u32 + 1;
    let index_len = 20 + pages * 28;
    let mut footer = footer_of(GOLDEN).to_vec();
    put(&mut footer, 8, index_len);
    put(&mut footer, 12, 1);
    put(&mut footer, 16, pages);
    mend(&mut footer);
    let refused = Err(Error::FooterCounts { volumes: 1, pages, index_len });
    assert_eq!(Footer::decode(&footer, LEN - 124 + u64::from(index_len)), refused);
}

#[test]
fn an_object_of_another_length_than_the_footer_says_is_refused() {
    let refused = |byte_len| Err(Error::Extent { byte_len, index_offset: 12_288, index_len: 124 });
    for byte_len in [0, LEN - 1, LEN + 1, u64::MAX] {
        assert_eq!(Footer::decode(footer_of(GOLDEN), byte_len), refused(byte_len));
    }
}

#[test]
fn an_index_offset_beyond_all_numbers_is_refused() {
    let refused = Err(Error::Extent { byte_len: LEN, index_offset: u64::MAX, index_len: 124 });
    assert_eq!(decode_changed(|footer| footer[..8].fill(0xff)), refused);
}

#[test]
fn an_index_longer_than_any_is_refused_before_it_is_read() {
    assert_eq!(decode_changed(|footer| put(footer, 8, 196_609)), Err(Error::IndexTooLong { len: 196_609 }));
    assert_eq!(decode_changed(|footer| put(footer, 8, u32::MAX)), Err(Error::IndexTooLong { len: u32::MAX }));
}

#[test]
fn a_tail_that_does_not_reach_back_to_the_index_is_refused() {
    let tail = &GOLDEN[12_289..];
    assert_eq!(SegmentIndex::from_object_tail(tail, LEN), Err(Error::TailTooShort { needed: 204, len: 203 }));
}

#[test]
fn counts_that_the_index_does_not_have_are_refused() {
    let mut builder = SegmentBuilder::new();
    for number in 1..=8 {
        builder.push(vid(number), index(1), page(1)).unwrap();
    }
    let mut object = object_of(&builder.finish());
    let (len, at) = (object.len() as u64, object.len() - FOOTER_LEN);
    assert!(SegmentIndex::from_object_tail(&object, len).is_ok());
    // 8 volumes with 8 pages have an index as long as one volume with 13 pages.
    put(&mut object[at..], 12, 1);
    put(&mut object[at..], 16, 13);
    mend(&mut object[at..]);
    assert!(Footer::decode(footer_of(&object), len).is_ok());
    assert_eq!(SegmentIndex::from_object_tail(&object, len), Err(Error::CountsDiffer { volumes: 1, pages: 13 }));
}
