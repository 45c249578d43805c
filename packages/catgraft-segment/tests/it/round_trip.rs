//! Whatever is written is read back, through both doors, and duplicates are refused as a plain map would.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use catgraft_core::{PageIndex, PageSet, VolumeId};
use catgraft_segment::{PushError, SealedSegment, SegmentBuilder, SegmentIndex};
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest},
};

use crate::support::{Noise, Pages, index, object_of, read_known, read_unknown, vid};

/// Pages of one volume, as numbers.
type Run = (u8, Vec<u32>);

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let number = prop_oneof![1..40u32, any::<u32>().prop_map(|number| number.max(1))];
    vec((1..5u8, vec(number, 0..12)), 0..8)
}

/// Pushes the runs and keeps what the map says a segment should hold.
fn write(runs: &[Run]) -> (SealedSegment, Pages) {
    let mut builder = SegmentBuilder::new();
    let mut model = Pages::new();
    let mut noise = Noise::new("pages");
    for (volume, numbers) in runs {
        let indexes: Vec<PageIndex> = numbers.iter().map(|number| index(*number)).collect();
        let pages: Vec<Bytes> = numbers.iter().map(|_| noise.bytes(4096).into()).collect();
        let pushed = builder.push_run(vid(*volume), &indexes, pages.concat().into());
        let mut seen = BTreeSet::new();
        let repeated =
            indexes.iter().find(|index| !seen.insert(**index) || model.contains_key(&(vid(*volume), **index)));
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
        let (sealed, model) = write(&runs);
        let object = object_of(&sealed);
        assert_eq!(sealed.len, object.len() as u64);
        assert_eq!(sealed.summary.byte_len, sealed.len);
        assert_eq!(read_known(&sealed.summary, &object).as_ref(), Ok(&model));
        assert_eq!(read_unknown(&object).as_ref(), Ok(&model));
        assert_eq!(SegmentIndex::from_object_tail(&object, sealed.len), Ok(sealed.index));

        let mut expected: BTreeMap<VolumeId, PageSet> = BTreeMap::new();
        for (vid, index) in model.keys() {
            expected.entry(*vid).or_default().insert(*index);
        }
        assert_eq!(sealed.volumes, Vec::from_iter(expected));
    }
}
