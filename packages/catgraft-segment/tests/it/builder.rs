//! What the writer takes, refuses and promises.

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, PageIndex, Timestamp, VolumeId};
use catgraft_segment::{
    Compression, FOOTER_LEN, INDEX_LEN_MAX, PackedRun, PushError, SEGMENT_BYTES_MAX, SEGMENT_PAGES_MAX, SegmentBuilder,
    SegmentIndex,
};

use crate::support::{index, object_of, page, page_bytes, read_known, read_unknown, vid};

fn run(numbers: &[u32]) -> (Vec<PageIndex>, Bytes) {
    let data: Vec<Bytes> = numbers.iter().map(|number| page_bytes(*number)).collect();
    (numbers.iter().map(|number| index(*number)).collect(), data.concat().into())
}

#[test]
fn runs_become_chunks_without_a_copy() {
    let mut builder = SegmentBuilder::new();
    let (first, first_data) = run(&[1, 2, 3]);
    let (second, second_data) = run(&[9]);
    builder.push_run(vid(1), &first, first_data.clone()).unwrap();
    builder.push_run(vid(2), &second, second_data.clone()).unwrap();
    let sealed = builder.finish();
    assert_eq!(sealed.chunks.len(), 3);
    assert_eq!(sealed.chunks[0].as_ptr(), first_data.as_ptr());
    assert_eq!(sealed.chunks[1].as_ptr(), second_data.as_ptr());
}

#[test]
fn small_runs_share_chunks() {
    let mut builder = SegmentBuilder::with_compression(Compression::Lz4);
    for number in 1..=200 {
        let (indexes, data) = run(&[u32::from(number)]);
        builder.push_run(vid(number), &indexes, data).unwrap();
    }
    let sealed = builder.finish();
    // Whole pages or next to nothing, and the index.
    let pieces = sealed.summary.index_offset.div_ceil(60 * 1024) + 1;
    assert!(sealed.chunks.len() as u64 <= pieces, "{} chunks of {} bytes", sealed.chunks.len(), sealed.len);
    assert_eq!(read_unknown(&object_of(&sealed)).unwrap().len(), 200);
}

#[test]
fn packed_runs_become_the_segment_that_their_runs_would_have_become() {
    let runs = [(1, vec![3, 1]), (2, vec![5]), (1, vec![7, 6, 8, 9, 10])];
    let [mut whole, mut packed] = [(); 2].map(|()| SegmentBuilder::with_compression(Compression::Lz4));
    for (volume, numbers) in runs {
        let (indexes, data) = run(&numbers);
        packed.push_packed(PackedRun::pack(Compression::Lz4, vid(volume), &indexes, &data).unwrap()).unwrap();
        whole.push_run(vid(volume), &indexes, data).unwrap();
    }
    let [whole, packed] = [whole.finish(), packed.finish()];
    assert_eq!((object_of(&packed), packed.summary), (object_of(&whole), whole.summary));
    assert_eq!((packed.volumes, packed.index), (whole.volumes, whole.index));
}

#[test]
fn packed_runs_are_refused_like_others() {
    let (indexes, data) = run(&[5, 6, 5]);
    let refused = PackedRun::pack(Compression::None, vid(1), &indexes, &data).unwrap_err();
    assert_eq!(refused, PushError::Duplicate { vid: vid(1), index: index(5) });
    let indexes: Vec<PageIndex> = (1..=SEGMENT_PAGES_MAX as u32 + 1).map(index).collect();
    let data = Bytes::from(vec![7; indexes.len() * PAGE_SIZE]);
    let refused = PackedRun::pack(Compression::None, vid(1), &indexes, &data).unwrap_err();
    assert_eq!(refused, PushError::Full { pages: SEGMENT_PAGES_MAX + 1, held: 0 });

    let pack = |numbers: &[u32]| {
        let (indexes, data) = run(numbers);
        PackedRun::pack(Compression::Lz4, vid(1), &indexes, &data).unwrap()
    };
    let mut builder = SegmentBuilder::new();
    builder.push_packed(pack(&[5, 6])).unwrap();
    let refused = Err(PushError::Duplicate { vid: vid(1), index: index(6) });
    let before = builder.byte_len();
    assert_eq!(builder.push_packed(pack(&[7, 6])), refused);
    assert_eq!((builder.page_count(), builder.byte_len()), (2, before));
}

#[test]
fn a_run_that_is_not_as_long_as_its_pages_is_refused() {
    let mut builder = SegmentBuilder::new();
    let (indexes, data) = run(&[1, 2]);
    for len in [0, PAGE_SIZE, 2 * PAGE_SIZE - 1] {
        let refused = Err(PushError::RunLength { pages: 2, len });
        assert_eq!(builder.push_run(vid(1), &indexes, data.slice(..len)), refused);
    }
    assert_eq!(builder.page_count(), 0);
}

#[test]
fn a_page_that_is_there_already_is_refused_and_changes_nothing() {
    let mut builder = SegmentBuilder::new();
    builder.push(vid(1), index(2), page(2)).unwrap();
    let before = builder.byte_len();
    let (indexes, data) = run(&[1, 2, 3]);
    let refused = Err(PushError::Duplicate { vid: vid(1), index: index(2) });
    assert_eq!(builder.push_run(vid(1), &indexes, data.clone()), refused);
    assert_eq!((builder.page_count(), builder.byte_len()), (1, before));

    builder.push_run(vid(2), &indexes, data).unwrap();
    let (rest, data) = run(&[1, 3]);
    builder.push_run(vid(1), &rest, data).unwrap();
    assert_eq!(read_unknown(&object_of(&builder.finish())).unwrap().len(), 6);
}

#[test]
fn a_run_that_has_a_page_twice_is_refused_and_leaves_no_volume() {
    let mut builder = SegmentBuilder::new();
    let (indexes, data) = run(&[5, 6, 5]);
    let refused = Err(PushError::Duplicate { vid: vid(1), index: index(5) });
    assert_eq!(builder.push_run(vid(1), &indexes, data), refused);
    assert!(!builder.contains_volume(vid(1)));
}

#[test]
fn a_run_without_pages_leaves_no_volume() {
    let mut builder = SegmentBuilder::new();
    builder.push_run(vid(1), &[], Bytes::new()).unwrap();
    assert!(!builder.contains_volume(vid(1)));
    assert_eq!(builder.finish().volumes, []);
}

#[test]
fn the_builder_knows_which_volumes_it_holds() {
    let mut builder = SegmentBuilder::new();
    builder.push(vid(1), index(2), page(2)).unwrap();
    assert!(builder.contains_volume(vid(1)));
    assert!(!builder.contains_volume(vid(2)));
}

#[test]
fn a_segment_without_pages_is_read_as_such() {
    let sealed = SegmentBuilder::new().finish();
    let object = object_of(&sealed);
    assert_eq!(object.len(), FOOTER_LEN);
    assert_eq!(read_unknown(&object).map(|pages| pages.len()), Ok(0));
    assert_eq!(read_known(&sealed.summary, &object).map(|pages| pages.len()), Ok(0));
}

#[test]
fn a_full_segment_takes_no_page_more() {
    let data = Bytes::from(vec![7; SEGMENT_PAGES_MAX * PAGE_SIZE]);
    let indexes: Vec<PageIndex> = (1..=SEGMENT_PAGES_MAX as u32).map(index).collect();
    let mut builder = SegmentBuilder::new();
    builder.push_run(vid(1), &indexes[1..], data.slice(PAGE_SIZE..)).unwrap();
    let refused = Err(PushError::Full { pages: 2, held: SEGMENT_PAGES_MAX - 1 });
    assert_eq!(builder.push_run(vid(2), &indexes[..2], data.slice(..2 * PAGE_SIZE)), refused);
    builder.push_run(vid(2), &indexes[..1], data.slice(..PAGE_SIZE)).unwrap();
    let refused = Err(PushError::Full { pages: 1, held: SEGMENT_PAGES_MAX });
    assert_eq!(builder.push(vid(1), index(1), page(1)), refused);
    assert_eq!(builder.page_count(), SEGMENT_PAGES_MAX);
}

#[test]
fn the_largest_segment_has_the_sizes_that_readers_count_on() {
    let mut builder = SegmentBuilder::new();
    let data = page_bytes(1);
    for number in 0..SEGMENT_PAGES_MAX as u64 {
        let vid = VolumeId::from_parts(Timestamp::from_millis(number), [0; 9]);
        builder.push_run(vid, &[PageIndex::FIRST], data.clone()).unwrap();
    }
    let sealed = builder.finish();
    assert_eq!(sealed.summary.index_len as usize, INDEX_LEN_MAX);
    assert_eq!(sealed.len as usize, SEGMENT_BYTES_MAX);
    let tail = sealed.chunks.last().unwrap();
    let read = SegmentIndex::from_object_tail(tail, sealed.len).unwrap();
    assert_eq!(read, sealed.index);
    assert_eq!(read.volume_count(), SEGMENT_PAGES_MAX);
    assert!(read.memory_len() >= SEGMENT_PAGES_MAX * (16 + 4 + 32), "{} bytes", read.memory_len());
}
