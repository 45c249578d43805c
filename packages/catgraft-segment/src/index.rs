//! The index of a segment: which pages of which volumes it holds, and where.
//!
//! An index in memory is sound: volumes and pages ascend without repetition, and the payloads fill the pages
//! area without gap or overlap.

mod decode;

use catgraft_core::{PageIndex, PageSet, VolumeId};

use crate::{
    error::Error,
    footer::Footer,
    format::{Codec, ENTRY_LEN, FOOTER_LEN, HASH_LEN, VOLUME_LEN, index_hash},
    location::PageLocation,
    summary::SegmentSummary,
};

/// Which pages of which volumes a segment holds, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentIndex {
    volumes: Vec<Volume>,
}

/// A volume of an index: its pages in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Volume {
    vid: VolumeId,
    entries: Box<[Entry]>,
}

/// A page of an index and its location, in as many bytes as on disk: caches hold a great many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) index: PageIndex,
    pub(crate) offset: u32,
    pub(crate) len: u16,
    pub(crate) codec: Codec,
    pub(crate) hash: [u8; HASH_LEN],
}

const _: () = assert!(size_of::<Entry>() == ENTRY_LEN);

impl Entry {
    /// Where the page lies.
    pub(crate) fn location(&self) -> PageLocation {
        let Self { offset, len, codec, hash, .. } = *self;
        PageLocation { offset: offset.into(), len: len.into(), codec, hash }
    }
}

impl SegmentIndex {
    /// The index out of its bytes, [`SegmentSummary::index_range`] of the segment, for whoever knows the summary.
    ///
    /// # Errors
    /// Every variant of [`Error`] that is not about the footer or a payload. With a summary from the catalog,
    /// damaged bytes are [`Error::IndexLength`] or [`Error::IndexHash`]; the others mean that the writer was wrong.
    pub fn decode(summary: &SegmentSummary, index: &[u8]) -> Result<Self, Error> {
        summary.index_range()?;
        if index.len() != summary.index_len as usize {
            return Err(Error::IndexLength { expected: summary.index_len, found: index.len() });
        }
        if index_hash(index) != summary.index_hash {
            return Err(Error::IndexHash);
        }
        let volumes = decode::read_volumes(index)?;
        decode::check_payloads(&volumes, summary.index_offset)?;
        Ok(Self { volumes })
    }

    /// The index of an object of `object_len` bytes, for whoever knows nothing but the object: `tail` is its end, at
    /// least index and footer, or all of it.
    ///
    /// # Errors
    /// [`Error::TailTooShort`], those of [`Footer::decode`] and [`SegmentIndex::decode`], and
    /// [`Error::CountsDiffer`].
    pub fn from_object_tail(tail: &[u8], object_len: u64) -> Result<Self, Error> {
        let (rest, footer) = tail.split_last_chunk::<FOOTER_LEN>().ok_or(Error::FooterLength { len: tail.len() })?;
        let Footer { summary, volumes, pages } = Footer::read(footer, object_len)?;
        let index_len = summary.index_len as usize;
        let start = rest
            .len()
            .checked_sub(index_len)
            .ok_or(Error::TailTooShort { needed: u64::from(summary.index_len) + FOOTER_LEN as u64, len: tail.len() })?;
        let index = Self::decode(&summary, &rest[start..])?;
        if (index.volume_count(), index.page_count()) != (volumes as usize, pages as usize) {
            return Err(Error::CountsDiffer { volumes, pages });
        }
        Ok(index)
    }

    /// Where a page lies; none where the segment does not hold it.
    pub fn find(&self, vid: VolumeId, index: PageIndex) -> Option<PageLocation> {
        let volume = self.volumes.binary_search_by_key(&vid, |volume| volume.vid).ok()?;
        let entries = &self.volumes[volume].entries;
        let entry = entries.binary_search_by_key(&index, |entry| entry.index).ok()?;
        Some(entries[entry].location())
    }

    /// The volumes in ascending order, with the pages that the segment holds of each.
    pub fn volumes(&self) -> impl Iterator<Item = (VolumeId, PageSet)> + '_ {
        self.volumes.iter().map(|Volume { vid, entries }| (*vid, entries.iter().map(|entry| entry.index).collect()))
    }

    /// Number of volumes.
    pub fn volume_count(&self) -> usize {
        self.volumes.len()
    }

    /// Number of pages of all volumes.
    pub fn page_count(&self) -> usize {
        self.volumes.iter().map(|volume| volume.entries.len()).sum()
    }

    /// Bytes that the index takes in memory, for caches that have a limit.
    pub fn memory_len(&self) -> usize {
        let volumes = self.volumes.capacity() * size_of::<Volume>();
        size_of::<Self>() + volumes + self.page_count() * size_of::<Entry>()
    }

    /// The index of volumes in ascending order, each with its pages in ascending order.
    pub(crate) fn from_volumes(volumes: impl Iterator<Item = (VolumeId, Vec<Entry>)>) -> Self {
        Self { volumes: volumes.map(|(vid, entries)| Volume { vid, entries: entries.into() }).collect() }
    }

    /// The bytes of the index.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(encoded_len(self.volume_count(), self.page_count()) + FOOTER_LEN);
        for Volume { vid, entries } in &self.volumes {
            bytes.extend_from_slice(vid.as_bytes());
            bytes.extend_from_slice(&u32_of(entries.len()).to_le_bytes());
            for Entry { index, offset, len, codec, hash } in entries {
                bytes.extend_from_slice(&index.get().to_le_bytes());
                bytes.extend_from_slice(&offset.to_le_bytes());
                bytes.extend_from_slice(&len.to_le_bytes());
                bytes.extend_from_slice(&[codec.to_byte(), 0]);
                bytes.extend_from_slice(hash);
            }
        }
        bytes
    }
}

/// Bytes of an index with these numbers of volumes and pages.
pub(crate) fn encoded_len(volumes: usize, pages: usize) -> usize {
    volumes * VOLUME_LEN + pages * ENTRY_LEN
}

/// A count of things in a segment as it is written.
pub(crate) fn u32_of(count: usize) -> u32 {
    u32::try_from(count).expect("nothing in a segment counts beyond SEGMENT_BYTES_MAX")
}
