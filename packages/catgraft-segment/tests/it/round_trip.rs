//! Whatever is written is read back, through both doors, compressed and raw, and duplicates are refused as a plain map
//! would.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, PageIndex, PageSet, VolumeId};
use catgraft_segment::{Compression, PushError, SealedSegment, SegmentBuilder, SegmentIndex};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
};

use crate::support::{Noise, Pages, index, object_of, read_known, read_unknown, vid};

/// Pages of one volume: the number of each, and how many of its bytes are random; the others are zero.
type Run = (u8, Vec<(u32, usize)>);

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let number = prop_oneof![1..40u32, any::<u32>().prop_map(|number| number.max(1))];
    let random = prop_oneof![Just(0), Just(PAGE_SIZE), 0..=PAGE_SIZE, 3800..3840usize];
    let any_run = (1..5u8, vec((number, random), 0..12));
    // Long enough for runs in which raw pages lie together.
    let long_run = (1..5u8, 1..1_000u32, vec(vec(prop_oneof![Just(0), Just(PAGE_SIZE)], 1..40), 0..4)).prop_map(
        |(volume, first, stretches)| {
            let random = stretches.into_iter().flat_map(|mut stretch| {
                let all = stretch[0];
                stretch.iter_mut().for_each(|random| *random = all);
                stretch
            });
            (volume, (first..).zip(random).collect())
        },
    );
    vec(prop_oneof![4 => any_run, 1 => long_run], 0..8)
}

/// Pushes the runs and keeps what the map says a segment should hold.
fn write(compression: Compression, runs: &[Run]) -> (SealedSegment, Pages) {
    let mut builder = SegmentBuilder::with_compression(compression);
    let mut model = Pages::new();
    let mut noise = Noise::new("pages");
    for (volume, numbers) in runs {
        let indexes: Vec<PageIndex> = numbers.iter().map(|(number, _)| index(*number)).collect();
        let page = |(_, random): &(u32, usize)| [noise.bytes(*random), vec![0; PAGE_SIZE - random]].concat().into();
        let pages: Vec<Bytes> = numbers.iter().map(page).collect();
        let pushed = builder.push_run(vid(*volume), &indexes, pages.concat().into());
        let mut seen = BTreeSet::new();
        let twice = indexes.iter().find(|index| !seen.insert(**index));
        let repeated = twice.or_else(|| indexes.iter().find(|index| model.contains_key(&(vid(*volume), **index))));
        match repeated.copied() {
            Some(index) => assert_eq!(pushed, Err(PushError::Duplicate { vid: vid(*volume), index })),
            None => {
                assert_eq!(pushed, Ok(()));
                model.extend(indexes.into_iter().map(|index| (vid(*volume), index)).zip(pages));
            }
        }
        assert_eq!(builder.page_count(), model.len());
    }
    let byte_len = builder.byte_len();
    let sealed = builder.finish();
    assert_eq!(sealed.len, byte_len);
    (sealed, model)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(runs in runs()) {
        let (raw, model) = write(Compression::None, &runs);
        let (compressed, _) = write(Compression::Lz4, &runs);
        for sealed in [&raw, &compressed] {
            let object = object_of(sealed);
            assert_eq!(sealed.len, object.len() as u64);
            assert_eq!(sealed.summary.byte_len, sealed.len);
            assert!(sealed.chunks.iter().all(|chunk| !chunk.is_empty()));
            assert_eq!(read_known(&sealed.summary, &object).as_ref(), Ok(&model));
            assert_eq!(read_unknown(&object).as_ref(), Ok(&model));
            assert_eq!(SegmentIndex::from_object_tail(&object, sealed.len).as_ref(), Ok(&sealed.index));
        }
        assert!(compressed.len <= raw.len);
        assert_eq!(compressed.volumes, raw.volumes);

        let mut expected: BTreeMap<VolumeId, PageSet> = BTreeMap::new();
        for (vid, index) in model.keys() {
            expected.entry(*vid).or_default().insert(*index);
        }
        assert_eq!(raw.volumes, Vec::from_iter(expected));
    }
}
