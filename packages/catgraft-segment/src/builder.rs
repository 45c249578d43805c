//! The writer: gathers runs of pages, compressed where that pays and without copying them where it does not, and seals
//! them into a segment.

use std::collections::BTreeMap;

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, Page, PageIndex, PageSet, VolumeId};

use crate::{
    compress::{Compression, Compressor, Patience},
    footer::Footer,
    format::{Codec, FOOTER_LEN, SEGMENT_PAGES_MAX, index_hash, page_hash},
    index::{Entry, SegmentIndex, encoded_len, u32_of},
    pages_area::PagesArea,
    summary::SegmentSummary,
};

/// Why a run of pages was not taken. The builder is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The data is not as long as the pages it should be.
    #[error("{pages} pages are not {len} bytes")]
    RunLength {
        /// Pages that were announced.
        pages: usize,
        /// Bytes given.
        len: usize,
    },
    /// The segment holds the page already, or the run has it twice.
    #[error("page {index} of volume {vid} is in the segment already")]
    Duplicate {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
    },
    /// The segment has no room for so many pages.
    #[error("{pages} pages do not fit a segment that holds {held} of at most {SEGMENT_PAGES_MAX}")]
    Full {
        /// Pages of the run.
        pages: usize,
        /// Pages in the segment.
        held: usize,
    },
}

/// A segment that is being filled. Each page is compressed and hashed when it is pushed.
#[derive(Debug, Default)]
pub struct SegmentBuilder {
    volumes: BTreeMap<VolumeId, Draft>,
    area: PagesArea,
    compressor: Option<Compressor>,
    page_count: usize,
}

/// The pages of one volume, in the order they were pushed.
#[derive(Debug, Default)]
struct Draft {
    pages: PageSet,
    entries: Vec<Entry>,
}

/// A finished segment: the bytes to store, and what must be remembered of them.
#[derive(Debug, Clone)]
pub struct SealedSegment {
    /// The segment's bytes, in pieces; what is raw lies where it was pushed from, as far as that pays.
    pub chunks: Vec<Bytes>,
    /// Bytes of all chunks together.
    pub len: u64,
    /// What the catalog keeps of the segment.
    pub summary: SegmentSummary,
    /// The volumes in ascending order, with the pages that the segment holds of each.
    pub volumes: Vec<(VolumeId, PageSet)>,
    /// Where each page lies.
    pub index: SegmentIndex,
}

impl SegmentBuilder {
    /// A segment without pages, whose pages will be stored raw.
    pub fn new() -> Self {
        Self::default()
    }

    /// A segment without pages, whose pages will be stored in this way.
    pub fn with_compression(compression: Compression) -> Self {
        let compressor = match compression {
            Compression::None => None,
            Compression::Lz4 => Some(Compressor::new()),
        };
        Self { compressor, ..Self::default() }
    }

    /// Adds pages of one volume that lie behind one another in `data`: the first 4096 bytes are the page
    /// `indexes[0]`, and so on. The indexes may be in any order. All pages are taken, or none.
    ///
    /// # Errors
    /// [`PushError::RunLength`], [`PushError::Full`] and [`PushError::Duplicate`].
    pub fn push_run(&mut self, vid: VolumeId, indexes: &[PageIndex], data: Bytes) -> Result<(), PushError> {
        if data.len() != indexes.len().saturating_mul(PAGE_SIZE) {
            return Err(PushError::RunLength { pages: indexes.len(), len: data.len() });
        }
        if indexes.len() > SEGMENT_PAGES_MAX - self.page_count {
            return Err(PushError::Full { pages: indexes.len(), held: self.page_count });
        }
        let run = self.check_new(vid, indexes)?;
        if indexes.is_empty() {
            return Ok(());
        }
        self.volumes.entry(vid).or_default().pages.union_with(&run);
        self.page_count += indexes.len();
        self.store(vid, indexes, &data);
        Ok(())
    }

    /// Puts each page of a run into the pages area, and its entry into the volume's draft.
    fn store(&mut self, vid: VolumeId, indexes: &[PageIndex], data: &Bytes) {
        let entries = &mut self.volumes.entry(vid).or_default().entries;
        entries.reserve(indexes.len());
        let mut offset = u32::try_from(self.area.len()).expect("offsets are below SEGMENT_BYTES_MAX");
        let mut patience = Patience::default();
        // Raw pages wait here until it is known how many there are in a row.
        let mut raw = 0..0;
        for (index, page) in indexes.iter().zip(data.chunks_exact(PAGE_SIZE)) {
            let compressor = self.compressor.as_mut().filter(|_| patience.tries_next());
            let compressed = compressor.and_then(|compressor| compressor.compress(page));
            patience.note(compressed.is_some());
            let (codec, payload) = match compressed {
                Some(payload) => {
                    self.area.push_raw(data, raw.clone());
                    self.area.push_copy(payload);
                    raw = raw.end + 1..raw.end + 1;
                    (Codec::Lz4, payload)
                }
                None => {
                    raw.end += 1;
                    (Codec::Raw, page)
                }
            };
            let hash = page_hash(vid, *index, payload);
            let len = u16::try_from(payload.len()).expect("a payload is no longer than a page");
            entries.push(Entry { index: *index, offset, len, codec, hash });
            offset += u32::from(len);
        }
        self.area.push_raw(data, raw);
    }

    /// Adds one page.
    ///
    /// # Errors
    /// [`PushError::Full`] and [`PushError::Duplicate`].
    pub fn push(&mut self, vid: VolumeId, index: PageIndex, page: Page) -> Result<(), PushError> {
        self.push_run(vid, &[index], page.into_bytes())
    }

    fn check_new(&self, vid: VolumeId, indexes: &[PageIndex]) -> Result<PageSet, PushError> {
        let held = self.volumes.get(&vid);
        let mut run = PageSet::new();
        for index in indexes {
            if !run.insert(*index) || held.is_some_and(|draft| draft.pages.contains(*index)) {
                return Err(PushError::Duplicate { vid, index: *index });
            }
        }
        Ok(run)
    }

    /// Number of pages pushed so far, at most [`SEGMENT_PAGES_MAX`].
    pub fn page_count(&self) -> usize {
        self.page_count
    }

    /// Bytes that the segment would have if it were finished now.
    pub fn byte_len(&self) -> u64 {
        let index = encoded_len(self.volumes.len(), self.page_count);
        self.area.len() + (index + FOOTER_LEN) as u64
    }

    /// Has a page of this volume been pushed?
    pub fn contains_volume(&self, vid: VolumeId) -> bool {
        self.volumes.contains_key(&vid)
    }

    /// Seals the segment. One without pages is valid, if of no use.
    pub fn finish(self) -> SealedSegment {
        let byte_len = self.byte_len();
        let index_offset = self.area.len();
        let mut volumes = Vec::with_capacity(self.volumes.len());
        let index = SegmentIndex::from_volumes(self.volumes.into_iter().map(|(vid, mut draft)| {
            draft.entries.sort_unstable_by_key(|entry| entry.index);
            volumes.push((vid, draft.pages));
            (vid, draft.entries)
        }));
        let mut tail = index.encode();
        let index_len = u32_of(tail.len());
        let summary = SegmentSummary { byte_len, index_offset, index_len, index_hash: index_hash(&tail) };
        let footer = Footer { summary, volumes: u32_of(volumes.len()), pages: u32_of(self.page_count) };
        tail.extend_from_slice(&footer.encode());
        let mut chunks = self.area.finish();
        chunks.push(Bytes::from(tail));
        SealedSegment { chunks, len: byte_len, summary, volumes, index }
    }
}
