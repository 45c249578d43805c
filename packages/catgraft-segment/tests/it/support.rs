//! Volumes, pages and the golden segment that the tests share, and one reader that believes nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, Page, PageIndex, Timestamp, VolumeId};
use catgraft_segment::{Error, FOOTER_LEN, Footer, SealedSegment, SegmentIndex, SegmentSummary};

/// The segment that version 1 of the format was fixed with.
pub(crate) const GOLDEN: &[u8] = include_bytes!("../golden/v1.segment");
/// Where its index begins and ends.
pub(crate) const GOLDEN_INDEX: std::ops::Range<usize> = 3 * PAGE_SIZE..3 * PAGE_SIZE + 124;

/// The segment that codec lz4 was fixed with.
pub(crate) const GOLDEN_LZ4: &[u8] = include_bytes!("../golden/v1-lz4.segment");
/// Where its index begins and ends.
pub(crate) const GOLDEN_LZ4_INDEX: std::ops::Range<usize> = 9012..9192;

/// Both, each with its index.
pub(crate) const GOLDENS: [(&[u8], std::ops::Range<usize>); 2] =
    [(GOLDEN, GOLDEN_INDEX), (GOLDEN_LZ4, GOLDEN_LZ4_INDEX)];

/// Every page of a segment.
pub(crate) type Pages = BTreeMap<(VolumeId, PageIndex), Bytes>;

/// Volume ids that ascend with their number.
pub(crate) fn vid(number: u8) -> VolumeId {
    VolumeId::from_parts(Timestamp::from_millis(1_700_000_000_000 + u64::from(number)), [number; 9])
}

pub(crate) fn index(number: u32) -> PageIndex {
    PageIndex::new(number).unwrap()
}

/// The content that the golden segment has for page `number` of any volume.
pub(crate) fn page_bytes(number: u32) -> Bytes {
    let number = number as usize;
    (0..PAGE_SIZE).map(|at| (at * (2 * number + 1) + at / 256 + 17 * number) as u8).collect()
}

/// A page of prose, which compresses well, as the golden segment of codec lz4 has it.
pub(crate) fn prose_bytes(number: u32) -> Bytes {
    let sentence = |at| format!("The cat sat on page {} of the mat, and the mat on the graft. ", number * at);
    let text: String = (0..PAGE_SIZE as u32 / 60).map(sentence).collect();
    Bytes::from(text).slice(..PAGE_SIZE)
}

/// The hash of a payload as the picture of the format has it.
pub(crate) fn hash_of(vid: VolumeId, index: PageIndex, payload: &[u8]) -> [u8; 16] {
    let key = [vid.as_bytes().as_slice(), &index.get().to_le_bytes(), b"segment page"].concat();
    let hash = blake3::keyed_hash(&key.try_into().unwrap(), payload);
    hash.as_bytes()[..16].try_into().unwrap()
}

pub(crate) fn page(number: u32) -> Page {
    Page::try_from(page_bytes(number)).unwrap()
}

pub(crate) fn object_of(sealed: &SealedSegment) -> Vec<u8> {
    sealed.chunks.concat()
}

/// The footer of an object.
pub(crate) fn footer_of(object: &[u8]) -> &[u8] {
    &object[object.len().saturating_sub(FOOTER_LEN)..]
}

/// Reads the whole segment with a summary that is known.
pub(crate) fn read_known(summary: &SegmentSummary, object: &[u8]) -> Result<Pages, Error> {
    let range = summary.index_range()?;
    let index = SegmentIndex::decode(summary, &object[range.start as usize..range.end as usize])?;
    read_pages(&index, object)
}

/// Reads the whole segment with nothing but the object.
pub(crate) fn read_unknown(object: &[u8]) -> Result<Pages, Error> {
    let summary = Footer::decode(footer_of(object), object.len() as u64)?;
    let index = SegmentIndex::from_object_tail(object, object.len() as u64)?;
    let range = summary.index_range()?;
    assert_eq!(SegmentIndex::decode(&summary, &object[range.start as usize..range.end as usize])?, index);
    read_pages(&index, object)
}

fn read_pages(segment: &SegmentIndex, object: &[u8]) -> Result<Pages, Error> {
    let mut pages = Pages::new();
    for (vid, set) in segment.volumes() {
        for index in set.iter() {
            let location = segment.find(vid, index).expect("the index holds what it lists");
            let range = location.range();
            let payload = Bytes::copy_from_slice(&object[range.start as usize..range.end as usize]);
            pages.insert((vid, index), location.open(vid, index, payload)?.into_bytes());
        }
    }
    Ok(pages)
}

/// Bytes that look random and are the same in every run.
pub(crate) struct Noise(blake3::OutputReader);

impl Noise {
    pub(crate) fn new(seed: &str) -> Self {
        Self(blake3::Hasher::new().update(seed.as_bytes()).finalize_xof())
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill(&mut bytes);
        bytes
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % limit as u64) as usize
    }
}
