//! Tests of page sets: the published vectors, one damaged input a rejection, and the set operations. What
//! holds for every set is in the properties below; fuzzing is in the integration tests.

mod properties;

use roaring::RoaringBitmap;

use super::{DecodeError, PageSet, Union, collect, encode::encode, union::BITMAPS_MAX};
use crate::PageIndex;

/// The wire form, and what makes the numbers in it.
type Vector = (&'static str, fn() -> Vec<u32>);

const VECTORS: [Vector; 8] = [
    ("daae12df00000000", Vec::new),
    ("daae12df010000000000000000000000000000000001000000", || vec![1]),
    ("daae12df01020001000000000000000000000000000001000000", || vec![1, 2]),
    (
        "daae12df0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f001e000000000000000000000000000001000000",
        || (1..=31).collect(),
    ),
    (
        "daae12dffeffffff01000000000000000000000000000000000000000000000000000000001f000000000000000000000000000001000000",
        || (1..=32).collect(),
    ),
    ("daae12df00ff000000000000000000000000000001000000", || (0..=255).collect()),
    (
        "daae12df012c00010000010000007011000000000101000500000000000000002d000000310000000000ffff000000ff0000000000000\
         1ff010000160000000b0000000000000003000000",
        || vec![1, 300, 70_000, 20_000_000, u32::MAX],
    ),
    (
        "daae12df0281402010080402814020100804028140201008040281402010080402814020040b121920270001240506000000000100000\
         00000000000000001000000",
        || (1..=295).step_by(7).collect(),
    ),
];

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn page(number: u32) -> PageIndex {
    PageIndex::new(number).unwrap()
}

fn pages(numbers: impl IntoIterator<Item = u32>) -> PageSet {
    numbers.into_iter().map(page).collect()
}

#[test]
fn vectors_are_written_and_read_byte_for_byte() {
    for (wire, numbers) in VECTORS {
        let numbers: RoaringBitmap = numbers().into_iter().collect();
        assert_eq!(hex::encode(encode(&numbers)), wire);
        assert_eq!(collect(&bytes(wire)), Ok(numbers));
    }
}

#[test]
fn the_default_set_is_eight_bytes() {
    assert_eq!(PageSet::new().encode().len(), 8);
    assert_eq!(PageSet::decode(&bytes("daae12df00000000"), 0), Ok(PageSet::new()));
}

#[test]
fn index_zero_is_refused() {
    let wire = bytes("daae12df00ff000000000000000000000000000001000000");
    assert_eq!(PageSet::decode(&wire, u64::MAX), Err(DecodeError::IndexZero));
}

#[test]
fn sets_over_the_limit_are_refused() {
    let set = pages((1..=40).chain(1000..=1100));
    let wire = set.encode();
    assert_eq!(PageSet::decode(&wire, 141), Ok(set));
    assert_eq!(PageSet::decode(&wire, 140), Err(DecodeError::TooMany { len_max: 140 }));
    assert_eq!(PageSet::decode(&wire, 0), Err(DecodeError::TooMany { len_max: 0 }));
}

/// Most cases are the set {1, 2} with one thing damaged. Its parts: magic, block, index of the lowest, of the
/// middle and of the top map (keys, lengths − 1, offsets), footer.
#[test]
fn every_kind_of_damage_has_its_own_error() {
    use DecodeError as E;
    let cases = [
        ("", E::TooShort { len: 0 }),
        ("daae12df 000000", E::TooShort { len: 7 }),
        ("daae12de 00000000", E::Magic { found: [0xda, 0xae, 0x12, 0xde] }),
        ("daae12df 00000001", E::Footer { found: [0, 1] }),
        ("daae12df 00000100", E::Footer { found: [1, 0] }),
        ("daae12df 01010000", E::Entries { found: 257 }),
        ("daae12df 01000000", E::Index { len: 1, expected: 6, found: 0 }),
        ("daae12df 00010000", E::Index { len: 256, expected: 1280, found: 0 }),
        ("daae12df aa 00000000", E::Unreferenced { len: 1 }),
        ("daae12df 0102 00010000 000000000000 aa 000001000000 01000000", E::Unreferenced { len: 1 }),
        ("daae12df 0102 00010000 000000000000 00000d000000 01000000", E::Offset { offset: 13, left: 12 }),
        ("daae12df 0102 00010000 000000000000 0000000000ff 01000000", E::Offset { offset: 255 << 24, left: 12 }),
        ("daae12df 0102 00010100 000000000000 000000000000 01000000", E::BlockSize { len: 2, expected: 2, found: 1 }),
        ("daae12df 0102 00020000 000000000000 000000000000 01000000", E::BlockSize { len: 3, expected: 3, found: 2 }),
        ("daae12df 010203 00010000 000000000000 000000000000 01000000", E::BlockSize { len: 2, expected: 2, found: 3 }),
        ("daae12df 01 00010000 000000000000 000000000000 01000000", E::BlockSize { len: 2, expected: 2, found: 1 }),
        ("daae12df 0201 00010000 000000000000 000000000000 01000000", E::Order { before: 2, after: 1 }),
        ("daae12df 0202 00010000 000000000000 000000000000 01000000", E::Order { before: 2, after: 2 }),
        (
            "daae12df ffffffff01000000000000000000000000000000000000000000000000000000 001f0000 000000000000 000000000000 01000000",
            E::BitmapLen { len: 32, found: 33 },
        ),
        (
            "daae12df feffffff00000000000000000000000000000000000000000000000000000000 001e0000 000000000000 000000000000 01000000",
            E::BlockSize { len: 31, expected: 31, found: 32 },
        ),
        (
            "daae12df ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff 00ff0000 000000000000 000000000000 01000000",
            E::BlockSize { len: 256, expected: 0, found: 32 },
        ),
    ];
    for (wire, error) in cases {
        assert_eq!(PageSet::decode(&bytes(&wire.replace(' ', "")), u64::MAX), Err(error), "{wire}");
    }
}

#[test]
fn values_that_share_bytes_are_refused() {
    // {1, 257}: two blocks of one byte each, which end 1 and 0 bytes before the end of their map.
    let with_offsets = |offsets| format!("daae12df 0101 00010000{offsets} 000100000000 000000000000 01000000");
    let read = |offsets| PageSet::decode(&bytes(&with_offsets(offsets).replace(' ', "")), u64::MAX);
    assert_eq!(read("01000000"), Ok(pages([1, 257])));
    assert_eq!(read("00000000"), Err(DecodeError::BlockSize { len: 1, expected: 1, found: 2 }));
    assert_eq!(read("01000200"), Err(DecodeError::Offset { offset: 2, left: 1 }));
    assert_eq!(read("01000100"), Err(DecodeError::BlockSize { len: 1, expected: 1, found: 0 }));
}

#[test]
fn bytes_before_and_behind_are_refused() {
    for (wire, _) in VECTORS {
        let wire = bytes(wire);
        assert!(collect(&[&wire[..], &[0]].concat()).is_err());
        assert!(collect(&[&wire[..4], &[0], &wire[4..]].concat()).is_err());
        for len in 0..wire.len() {
            assert!(collect(&wire[..len]).is_err());
        }
    }
}

#[test]
fn a_large_set_in_few_bytes_is_refused_before_it_is_built() {
    // 2^24 pages in 197 KB.
    let mut large = PageSet::new();
    large.insert_range(page(1 << 24)..=page((1 << 25) - 1));
    let wire = large.encode();
    assert!(wire.len() < 200_000);
    assert_eq!(PageSet::decode(&wire, 1024), Err(DecodeError::TooMany { len_max: 1024 }));
    assert_eq!(PageSet::decode(&wire, 1 << 24), Ok(large));
}

#[test]
fn whoever_reads_a_set_refuses_the_same_and_keeps_what_came_before() {
    let damaged = [
        // Index 0, also where it is not alone.
        encode(&[0].into_iter().collect()).to_vec(),
        encode(&[0, 1].into_iter().collect()).to_vec(),
        pages(1..=9).encode().to_vec(),
        pages((1..=8).chain([300])).encode().to_vec(),
        b"no set".to_vec(),
    ];
    for wire in damaged {
        let error = PageSet::decode(&wire, 8).unwrap_err();
        let mut appended = vec![page(7)];
        assert_eq!(PageSet::decode_into(&wire, 8, &mut appended), Err(error.clone()));
        assert_eq!(appended, [page(7)]);
        assert_eq!(Union::default().add(&wire, 8), Err(error));
    }
}

#[test]
fn a_union_of_pages_far_apart_takes_little_memory_on_the_way() {
    let far_apart = pages((0..1000).map(|number| number << 16 | 7));
    let mut union = Union::default();
    for _ in 0..2 {
        union.add(&far_apart.encode(), 1000).unwrap();
        assert!(union.bitmaps() <= BITMAPS_MAX, "{} bitmaps", union.bitmaps());
    }
    assert_eq!(union.finish(), far_apart);
}

#[test]
fn a_union_equals_the_same_set_whatever_is_in_it() {
    // Around what the library keeps as a list, and all that it keeps together.
    for count in [4095, 4096, 4097, 65_535] {
        let set = pages(1..=count);
        let mut union = Union::default();
        union.add(&set.encode(), set.len()).unwrap();
        assert_eq!(union.finish(), set, "{count} pages");
    }
}

#[test]
fn sets_know_their_ends_and_their_pages() {
    let set = pages([7, 3, u32::MAX, 3]);
    assert_eq!((set.first(), set.last(), set.len()), (Some(page(3)), Some(page(u32::MAX)), 3));
    assert_eq!(set.iter().map(PageIndex::get).collect::<Vec<_>>(), [3, 7, u32::MAX]);
    assert!(set.contains(page(7)) && !set.contains(page(4)));
    assert_eq!((PageSet::new().first(), PageSet::new().last()), (None, None));
    assert!(PageSet::new().is_empty() && !set.is_empty());
}

#[test]
fn insert_tells_what_is_new() {
    let mut set = PageSet::new();
    assert!(set.insert(page(5)));
    assert!(!set.insert(page(5)));
    set.insert_range(page(4)..=page(6));
    assert_eq!(set, pages([4, 5, 6]));
}

#[test]
fn sets_are_united_cut_and_compared() {
    let (small, large) = (pages(1..=10), pages(5..=20));
    let mut all = small.clone();
    all.union_with(&large);
    assert_eq!(all, pages(1..=20));
    assert_eq!(small.intersection(&large), pages(5..=10));
    assert_eq!(small.difference(&large), pages(1..=4));
    assert!(small.is_subset(&all) && !small.is_subset(&large));
}

#[test]
fn text_shows_the_first_ranges() {
    assert_eq!(PageSet::new().to_string(), "{}");
    assert_eq!(pages([1, 5, 6, 7, 8, 9]).to_string(), "{1, 5–9}");
    assert_eq!(pages((1..=8).map(|n| n * 2)).to_string(), "{2, 4, 6, 8, 10, 12, 14, 16}");
    assert_eq!(pages((1..=9).map(|n| n * 2)).to_string(), "{2, 4, 6, 8, 10, 12, 14, 16, …}");
}
