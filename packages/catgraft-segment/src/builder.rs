//! The writer: gathers runs of pages, compressed where that pays and without copying them where it does not, and seals
//! them into a segment.

use std::collections::BTreeMap;

use bytes::Bytes;
use catgraft_core::{Page, PageIndex, PageSet, VolumeId};

use crate::{
    compress::Compression,
    footer::Footer,
    format::{FOOTER_LEN, SEGMENT_PAGES_MAX, index_hash},
    index::{Entry, SegmentIndex, encoded_len, u32_of},
    packed::PackedRun,
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

/// A segment that is being filled. Each page is compressed and hashed when it is pushed, if its run is not packed already.
#[derive(Debug, Default)]
pub struct SegmentBuilder {
    volumes: BTreeMap<VolumeId, Draft>,
    area: PagesArea,
    compression: Compression,
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
        Self { compression, ..Self::default() }
    }

    /// Adds pages of one volume that lie behind one another in `data`: the first 4096 bytes are the page
    /// `indexes[0]`, and so on. The indexes may be in any order. All pages are taken, or none.
    ///
    /// # Errors
    /// [`PushError::RunLength`], [`PushError::Full`] and [`PushError::Duplicate`].
    pub fn push_run(&mut self, vid: VolumeId, indexes: &[PageIndex], data: Bytes) -> Result<(), PushError> {
        self.push_packed(PackedRun::pack(self.compression, vid, indexes, &data)?)
    }

    /// Adds a run that is packed already, however that was done. All pages are taken, or none.
    ///
    /// # Errors
    /// [`PushError::Full`] and [`PushError::Duplicate`].
    pub fn push_packed(&mut self, run: PackedRun) -> Result<(), PushError> {
        let PackedRun { vid, pages, mut entries, payloads } = run;
        if entries.len() > SEGMENT_PAGES_MAX - self.page_count {
            return Err(PushError::Full { pages: entries.len(), held: self.page_count });
        }
        if entries.is_empty() {
            return Ok(());
        }
        if let Some(held) = self.volumes.get(&vid)
            && let Some(index) = entries.iter().map(|entry| entry.index).find(|index| held.pages.contains(*index))
        {
            return Err(PushError::Duplicate { vid, index });
        }
        self.page_count += entries.len();
        let begin = u32::try_from(self.area.len()).expect("offsets are below SEGMENT_BYTES_MAX");
        for entry in &mut entries {
            entry.offset += begin;
        }
        let draft = self.volumes.entry(vid).or_default();
        draft.pages.union_with(&pages);
        draft.entries.append(&mut entries);
        for payload in payloads {
            self.area.push(payload);
        }
        Ok(())
    }

    /// Adds one page.
    ///
    /// # Errors
    /// [`PushError::Full`] and [`PushError::Duplicate`].
    pub fn push(&mut self, vid: VolumeId, index: PageIndex, page: Page) -> Result<(), PushError> {
        self.push_run(vid, &[index], page.into_bytes())
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
