//! What the writer compresses, what it leaves raw, and what it copies.

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, PageIndex};
use catgraft_segment::{Codec, Compression, SealedSegment, SegmentBuilder, UnknownCompression};

use crate::support::{Noise, index, object_of, prose_bytes, read_unknown, vid};

/// Pages of this kind, one after the other: `z` zeros, `t` text, `r` random bytes.
fn run_of(kinds: &str) -> Bytes {
    let mut noise = Noise::new(kinds);
    let page = |(at, kind)| match kind {
        'z' => Bytes::from(vec![0; PAGE_SIZE]),
        't' => prose_bytes(at as u32 + 1),
        _ => Bytes::from(noise.bytes(PAGE_SIZE)),
    };
    kinds.chars().enumerate().map(page).collect::<Vec<_>>().concat().into()
}

/// The segment of one such run, and its codecs: `c` compressed, `r` raw.
fn write(kinds: &str) -> (SealedSegment, Bytes, String) {
    let data = run_of(kinds);
    let indexes: Vec<PageIndex> = (1..=kinds.len() as u32).map(index).collect();
    let mut builder = SegmentBuilder::with_compression(Compression::Lz4);
    builder.push_run(vid(1), &indexes, data.clone()).unwrap();
    let sealed = builder.finish();
    let read = read_unknown(&object_of(&sealed)).unwrap();
    assert_eq!(read.into_values().collect::<Vec<_>>().concat(), data);
    let codec =
        |page: &PageIndex| if sealed.index.find(vid(1), *page).unwrap().codec == Codec::Lz4 { 'c' } else { 'r' };
    let codecs = indexes.iter().map(codec).collect();
    (sealed, data, codecs)
}

#[test]
fn pages_are_compressed_where_it_pays() {
    let (sealed, _, codecs) = write("ztrrtz");
    assert_eq!(codecs, "ccrrcc");
    let stored = sealed.summary.index_offset as usize;
    assert!((2 * PAGE_SIZE..3 * PAGE_SIZE).contains(&stored), "{stored} bytes");
}

#[test]
fn a_page_that_saves_less_than_a_sixteenth_is_stored_raw() {
    let mut noise = Noise::new("threshold");
    let mut codec_of = |random: usize| {
        let page = [noise.bytes(random), vec![0; PAGE_SIZE - random]].concat();
        let mut builder = SegmentBuilder::with_compression(Compression::Lz4);
        builder.push_run(vid(1), &[index(1)], page.into()).unwrap();
        builder.finish().index.find(vid(1), index(1)).unwrap().codec
    };
    // LZ4 adds a byte to each 255 random ones, and finds the zeros some bytes late.
    assert_eq!(codec_of(3840 - 80), Codec::Lz4);
    assert_eq!(codec_of(3840), Codec::Raw);
}

#[test]
fn a_builder_without_compression_stores_every_page_raw() {
    for mut builder in [SegmentBuilder::new(), SegmentBuilder::with_compression(Compression::None)] {
        builder.push_run(vid(1), &[index(1), index(2)], run_of("zt")).unwrap();
        assert_eq!(builder.finish().summary.index_offset as usize, 2 * PAGE_SIZE);
    }
}

#[test]
fn a_run_in_which_nothing_pays_goes_on_without_a_copy() {
    for kinds in ["r", "rrr", &"r".repeat(100)] {
        let (sealed, data, codecs) = write(kinds);
        assert_eq!(codecs, kinds);
        assert_eq!((sealed.chunks.len(), sealed.chunks[0].as_ptr()), (2, data.as_ptr()));
    }
}

#[test]
fn long_stretches_of_raw_pages_stay_where_they_lie_and_short_ones_are_copied() {
    let (sealed, data, codecs) = write(&["t", &"r".repeat(16), "t", &"r".repeat(15)].concat());
    assert_eq!(codecs, ["c", &"r".repeat(16), "c", &"r".repeat(15)].concat());
    // The text, the first stretch, the text with the second stretch, index and footer.
    assert_eq!(sealed.chunks.len(), 4);
    assert_eq!(sealed.chunks[1].as_ptr(), data[PAGE_SIZE..].as_ptr());
    assert_eq!(sealed.chunks[1].len(), 16 * PAGE_SIZE);
}

#[test]
fn after_16_raw_pages_only_one_in_16_is_tried_until_one_pays() {
    // Pages 17, 33 and 49 are tried, and the text of page 49 is found; from then on every page is.
    let (_, _, codecs) =
        write(&["r".repeat(17), "t".repeat(15), "r".repeat(4), "t".repeat(20), "rt".repeat(2)].concat());
    assert_eq!(codecs, ["r".repeat(48), "c".repeat(8), "rc".repeat(2)].concat());
    let (_, _, codecs) = write(&["r".repeat(15), "t".repeat(2)].concat());
    assert_eq!(codecs, ["r".repeat(15), "c".repeat(2)].concat(), "15 are not enough");
}

#[test]
fn compressed_pages_lie_in_pieces_of_64_kib() {
    let (sealed, _, codecs) = write(&"t".repeat(1000));
    assert_eq!(codecs, "c".repeat(1000));
    let (last, pieces) = sealed.chunks.split_last().unwrap();
    assert!(pieces.len() > 2, "{} pieces", pieces.len());
    for piece in &pieces[..pieces.len() - 1] {
        assert!((60 * 1024..=64 * 1024).contains(&piece.len()), "{} bytes", piece.len());
    }
    assert_eq!(last.len() as u64, sealed.len - sealed.summary.index_offset);
}

#[test]
fn the_length_is_known_before_the_end() {
    let mut builder = SegmentBuilder::with_compression(Compression::Lz4);
    builder.push_run(vid(1), &[index(1), index(2), index(3)], run_of("trz")).unwrap();
    builder.push_run(vid(2), &[index(1)], run_of("t")).unwrap();
    let len = builder.byte_len();
    let sealed = builder.finish();
    assert_eq!((sealed.len, object_of(&sealed).len() as u64), (len, len));
}

#[test]
fn compressions_have_names() {
    assert_eq!(("lz4".parse(), "none".parse()), (Ok(Compression::Lz4), Ok(Compression::None)));
    for text in ["", "LZ4", "zstd"] {
        assert_eq!(text.parse::<Compression>(), Err(UnknownCompression), "{text:?}");
    }
}
