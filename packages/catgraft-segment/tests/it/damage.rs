//! Damage that nobody chose: flipped bytes, lost ends, noise.

use catgraft_core::PAGE_SIZE;
use catgraft_segment::{Codec, Error, FOOTER_LEN, Footer, PageLocation, SegmentIndex, SegmentSummary};

use crate::support::{GOLDEN, GOLDEN_INDEX, GOLDENS, Noise, footer_of, hash_of, index, read_known, read_unknown, vid};

fn summary_of(object: &[u8]) -> SegmentSummary {
    Footer::decode(footer_of(object), object.len() as u64).unwrap()
}

#[test]
fn every_flipped_byte_is_noticed_with_nothing_but_the_object() {
    for (golden, _) in GOLDENS {
        let mut object = golden.to_vec();
        for at in 0..object.len() {
            let flip = 1 << (at % 8);
            object[at] ^= flip;
            assert!(read_unknown(&object).is_err(), "byte {at}");
            object[at] ^= flip;
        }
        assert!(read_unknown(&object).is_ok());
    }
}

#[test]
fn every_flipped_byte_is_noticed_with_the_summary_from_the_catalog() {
    for (golden, index) in GOLDENS {
        let summary = summary_of(golden);
        let mut object = golden.to_vec();
        for at in 0..index.end {
            object[at] ^= 0xff;
            let read = read_known(&summary, &object);
            if at < index.start {
                assert!(matches!(read, Err(Error::PageHash { .. })), "byte {at}: {read:?}");
            } else {
                assert_eq!(read, Err(Error::IndexHash), "byte {at}");
            }
            object[at] ^= 0xff;
        }
        assert!(read_known(&summary, &object).is_ok());
    }
}

#[test]
fn every_flipped_byte_of_the_footer_is_noticed() {
    let mut footer = footer_of(GOLDEN).to_vec();
    for at in 0..FOOTER_LEN {
        for flip in 1..=255 {
            footer[at] ^= flip;
            assert!(Footer::decode(&footer, GOLDEN.len() as u64).is_err(), "byte {at} by {flip:#x}");
            footer[at] ^= flip;
        }
    }
}

#[test]
fn a_forged_segment_is_noticed_with_the_summary_from_the_catalog() {
    // Pages 3 and 1 of volume 1 change places and hashes, in an index and a footer that fit.
    let mut object = GOLDEN.to_vec();
    let entries = GOLDEN_INDEX.start + 20;
    let (first, second) = object[entries..entries + 56].split_at_mut(28);
    first[4..].swap_with_slice(&mut second[4..]);
    let index_hash = blake3::hash(&object[GOLDEN_INDEX]);
    let footer = GOLDEN_INDEX.end;
    object[footer + 20..footer + 52].copy_from_slice(index_hash.as_bytes());
    let checksum = blake3::hash(&[&object[footer..footer + 52], &object[footer + 68..]].concat());
    object[footer + 52..footer + 68].copy_from_slice(&checksum.as_bytes()[..16]);

    assert!(SegmentIndex::from_object_tail(&object, object.len() as u64).is_ok(), "the forgery fits in itself");
    assert!(matches!(read_unknown(&object), Err(Error::PageHash { .. })), "pages are bound to their places");
    assert_eq!(read_known(&summary_of(GOLDEN), &object), Err(Error::IndexHash));
}

#[test]
fn a_segment_cut_at_any_length_is_noticed() {
    for (golden, _) in GOLDENS {
        for len in 0..golden.len() {
            let cut = &golden[..len];
            assert!(SegmentIndex::from_object_tail(cut, len as u64).is_err(), "{len} bytes that know their length");
            assert!(SegmentIndex::from_object_tail(cut, golden.len() as u64).is_err(), "{len} bytes of all");
        }
    }
}

#[test]
fn a_segment_that_lost_its_beginning_is_noticed() {
    for (golden, _) in GOLDENS {
        for from in 1..golden.len() {
            let rest = &golden[from..];
            assert!(SegmentIndex::from_object_tail(rest, rest.len() as u64).is_err(), "from byte {from}");
        }
    }
}

#[test]
fn a_segment_with_more_behind_it_is_noticed() {
    for more in [&[0][..], &[0; 80], GOLDEN] {
        assert!(read_unknown(&[GOLDEN, more].concat()).is_err(), "{} bytes", more.len());
    }
}

#[test]
fn noise_is_refused_and_never_panics() {
    let mut noise = Noise::new("objects");
    for round in 0..20_000 {
        let len = noise.below(400);
        let mut object = noise.bytes(len);
        // Half of the rounds get past magic, version and checksum.
        if round % 2 == 0 && len >= FOOTER_LEN {
            let at = len - FOOTER_LEN;
            object[at + 68..].copy_from_slice(&footer_of(GOLDEN)[68..]);
            let checksum = blake3::hash(&[&object[at..at + 52], &object[at + 68..]].concat());
            object[at + 52..at + 68].copy_from_slice(&checksum.as_bytes()[..16]);
        }
        assert!(SegmentIndex::from_object_tail(&object, len as u64).is_err(), "round {round}");
    }
}

#[test]
fn an_index_with_noise_in_it_is_refused_or_sound() {
    let mut noise = Noise::new("indexes");
    for (golden, range) in GOLDENS {
        let (mut refused, mut sound) = (0, 0);
        for _ in 0..100_000 {
            let mut index = golden[range.clone()].to_vec();
            for _ in 0..=noise.below(3) {
                let at = noise.below(index.len());
                index[at] = noise.bytes(1)[0];
            }
            let summary = SegmentSummary { index_hash: blake3::hash(&index).into(), ..summary_of(golden) };
            match SegmentIndex::decode(&summary, &index) {
                Err(_) => refused += 1,
                Ok(index) => {
                    sound += 1;
                    assert_sound(&index, summary.index_offset);
                }
            }
        }
        assert!(refused > 1000 && sound > 1000, "the noise is of one kind: {refused} refused, {sound} sound");
    }
}

/// Every page lies in the pages area, each in its own bytes, and is as long as its codec allows.
fn assert_sound(segment: &SegmentIndex, pages_len: u64) {
    let mut ranges = Vec::new();
    for (vid, set) in segment.volumes() {
        for location in set.iter().map(|index| segment.find(vid, index).unwrap()) {
            let len = location.len as usize;
            assert!(if location.codec == Codec::Raw { len == PAGE_SIZE } else { (1..PAGE_SIZE).contains(&len) });
            ranges.push(location.range());
        }
    }
    ranges.sort_unstable_by_key(|range| range.start);
    let end = ranges.iter().fold(0, |end, range| {
        assert_eq!(range.start, end);
        range.end
    });
    assert_eq!(end, pages_len);
}

#[test]
fn a_compressed_payload_with_noise_in_it_is_refused_or_a_page() {
    let mut noise = Noise::new("payloads");
    let (vid, index) = (vid(1), index(3));
    let (golden, _) = &GOLDENS[1];
    let segment = SegmentIndex::from_object_tail(golden, golden.len() as u64).unwrap();
    let range = segment.find(vid, index).unwrap().range();
    let written = &golden[range.start as usize..range.end as usize];
    let (mut refused, mut pages) = (0, 0);
    for round in 0..50_000 {
        // Half of the rounds begin with what was written, so that they get far.
        let mut payload = if round % 2 == 0 { written.to_vec() } else { Vec::new() };
        for _ in 0..noise.below(4) {
            let at = noise.below(payload.len() + 1);
            payload.truncate(at.max(payload.len().saturating_sub(noise.below(9))));
            if let Some(byte) = payload.get_mut(at) {
                *byte = noise.bytes(1)[0];
            }
        }
        let more = noise.below(if round % 4 < 2 { 2 } else { PAGE_SIZE - payload.len() });
        payload.extend(noise.bytes(more));
        let hash = hash_of(vid, index, &payload);
        let location = PageLocation { offset: 0, len: payload.len() as u32, codec: Codec::Lz4, hash };
        match location.open(vid, index, payload.into()) {
            Ok(_) => pages += 1,
            Err(Error::NotLz4 { .. } | Error::DecompressedTooLong { .. } | Error::DecompressedTooShort { .. }) => {
                refused += 1;
            }
            Err(error) => panic!("round {round}: {error}"),
        }
    }
    assert!(refused > 1000 && pages > 1000, "the noise is of one kind: {refused} refused, {pages} pages");
}
