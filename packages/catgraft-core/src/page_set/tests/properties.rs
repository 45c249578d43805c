//! Properties of the codec for sets of every shape, with `splinter-rs` as the oracle.

use std::{collections::BTreeSet, ops::RangeInclusive};

use proptest::{collection::vec, prelude::*};
use roaring::RoaringBitmap;
use splinter_rs::{Splinter, SplinterRef};

use crate::page_set::{PageSet, Union, collect, encode::encode};

/// Places where maps, blocks and the bitmap's own containers begin and end, and the ends of all numbers.
fn corner() -> impl Strategy<Value = u32> {
    let corners = [0, 1 << 8, 1 << 16, 1 << 24, 3 << 16, 1 << 31, 0xFF << 24, 0xFFFF << 8];
    (prop::sample::select(corners.to_vec()), -40i64..40)
        .prop_map(|(corner, away)| u32::try_from(i64::from(corner) + away).unwrap_or(u32::MAX))
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![corner(), any::<u32>(), 0..2000u32, (u32::MAX - 2000)..=u32::MAX]
}

fn range(len_max: u32) -> impl Strategy<Value = RangeInclusive<u32>> {
    (number(), 0..len_max).prop_map(|(first, len)| first..=first.saturating_add(len))
}

/// All of a few blocks, some with a hole.
fn full_blocks() -> impl Strategy<Value = Vec<u32>> {
    let block = (0..400u32, any::<bool>(), any::<u8>()).prop_map(|(block, whole, hole)| {
        (0..256).filter(move |n| whole || *n != u32::from(hole)).map(move |n| block << 8 | n)
    });
    vec(block, 1..8).prop_map(|blocks| blocks.into_iter().flatten().collect())
}

/// One block with any number of values: lists, bitmaps and the step between them.
fn one_block() -> impl Strategy<Value = Vec<u32>> {
    (number(), prop_oneof![28..36usize, 0..257usize, 250..257usize])
        .prop_flat_map(|(block, len)| (Just(block), prop::sample::subsequence((0..=255u32).collect::<Vec<_>>(), len)))
        .prop_map(|(block, values)| values.into_iter().map(|value| block & !0xFF | value).collect())
}

/// One map with any number of entries, at any of the three heights.
fn one_map() -> impl Strategy<Value = Vec<u32>> {
    (prop::sample::select(vec![8, 16, 24]), prop_oneof![28..36usize, 250..257usize, 0..257usize])
        .prop_flat_map(|(shift, len)| (Just(shift), prop::sample::subsequence((0..=255u32).collect::<Vec<_>>(), len)))
        .prop_map(|(shift, keys)| keys.into_iter().map(|key| key << shift | 5).collect())
}

fn numbers() -> impl Strategy<Value = BTreeSet<u32>> {
    let runs = |count, len_max| vec(range(len_max), 0..count).prop_map(|runs| runs.into_iter().flatten().collect());
    let step = (number(), 1..600u32, 0..400usize)
        .prop_map(|(first, step, len)| (first..=u32::MAX).step_by(step as usize).take(len).collect());
    let part = prop_oneof![
        vec(number(), 0..17),
        vec(any::<u32>(), 0..300),
        runs(10, 40),
        runs(4, 3000),
        runs(2, 140_000),
        step,
        full_blocks(),
        one_block(),
        one_map(),
    ];
    vec(part, 1..3).prop_map(|parts: Vec<Vec<u32>>| parts.into_iter().flatten().collect())
}

fn oracle_bytes(numbers: &BTreeSet<u32>) -> Vec<u8> {
    numbers.iter().copied().collect::<Splinter>().serialize_to_bytes().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn we_write_the_oracle_s_bytes(numbers in numbers()) {
        let bitmap: RoaringBitmap = numbers.iter().copied().collect();
        prop_assert_eq!(encode(&bitmap).to_vec(), oracle_bytes(&numbers));
    }

    #[test]
    fn we_read_what_the_oracle_writes(numbers in numbers()) {
        let read = collect(&oracle_bytes(&numbers)).map(|bitmap| bitmap.into_iter().collect());
        prop_assert_eq!(read, Ok(numbers));
    }

    #[test]
    fn the_oracle_reads_what_we_write(numbers in numbers()) {
        let bitmap: RoaringBitmap = numbers.iter().copied().collect();
        let oracle = SplinterRef::from_bytes(encode(&bitmap)).unwrap();
        prop_assert_eq!(oracle.cardinality() as u64, bitmap.len());
        prop_assert_eq!(oracle.iter().collect::<BTreeSet<_>>(), numbers);
    }

    #[test]
    fn sets_come_back_equal_with_their_exact_length_as_limit(numbers in numbers()) {
        let set = PageSet(numbers.into_iter().filter(|number| *number != 0).collect());
        let wire = set.encode();
        let back = PageSet::decode(&wire, set.len()).unwrap();
        prop_assert_eq!(&back, &set);
        prop_assert_eq!(&back.encode(), &wire);
        let mut pages = Vec::new();
        prop_assert_eq!(PageSet::decode_into(&wire, set.len(), &mut pages), Ok(()));
        prop_assert!(pages.iter().copied().eq(set.iter()));
        if let Some(limit) = set.len().checked_sub(1) {
            prop_assert!(PageSet::decode(&wire, limit).is_err());
            prop_assert!(PageSet::decode_into(&wire, limit, &mut pages).is_err());
            prop_assert_eq!(pages.len() as u64, set.len());
        }
    }

    #[test]
    fn a_union_is_that_of_the_sets_one_by_one(
        // The last ones lie further apart than there are bitmaps.
        parts in vec(numbers(), 0..4), apart in vec(any::<u32>(), 0..300),
    ) {
        let sets: Vec<_> = parts.into_iter().chain(apart.chunks(7).map(|some| some.iter().copied().collect())).map(
            |numbers: BTreeSet<u32>| PageSet(numbers.into_iter().filter(|number| *number != 0).collect()),
        ).collect();
        let (mut union, mut expected) = (Union::default(), PageSet::new());
        for set in &sets {
            prop_assert_eq!(union.add(&set.encode(), set.len()), Ok(()));
            expected.union_with(set);
        }
        let union = union.finish();
        prop_assert_eq!(union.encode(), expected.encode());
        prop_assert_eq!(union, expected);
    }

    #[test]
    fn how_a_set_came_about_does_not_change_its_bytes(left in numbers(), right in numbers()) {
        let [one, other] = [&left, &right].map(|numbers| collect(&oracle_bytes(numbers)).unwrap());
        prop_assert_eq!(encode(&(&one | &other)).to_vec(), oracle_bytes(&(&left | &right)));
        prop_assert_eq!(encode(&(&one & &other)).to_vec(), oracle_bytes(&(&left & &right)));
        prop_assert_eq!(encode(&(&one - &other)).to_vec(), oracle_bytes(&(&left - &right)));
    }
}
