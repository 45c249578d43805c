//! Where a page lies in its segment, and how its payload becomes a page again.

use std::ops::Range;

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, Page, PageIndex, VolumeId};

use crate::{
    compress::{NoPage, decompress},
    error::Error,
    format::{Codec, HASH_LEN, page_hash},
};

/// Where a page lies in its segment, and what its payload must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLocation {
    /// First byte of the payload, from the beginning of the segment.
    pub offset: u64,
    /// Bytes of the payload.
    pub len: u32,
    /// How the page became its payload.
    pub codec: Codec,
    /// Hash of the payload, bound to the page's volume and place.
    pub hash: [u8; HASH_LEN],
}

impl PageLocation {
    /// The range of bytes to read for the payload.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset + u64::from(self.len)
    }

    /// The page whose payload was read from [`PageLocation::range`]; `vid` and `index` are those that the
    /// location was found under. A raw payload is not copied; a compressed one becomes a page with memory of its own.
    ///
    /// The hash is checked first: what is damaged never reaches the decompression.
    ///
    /// # Errors
    /// [`Error::PayloadLength`] and [`Error::PageHash`], where the payload is not the one that was written for this
    /// page; [`Error::NotLz4`], [`Error::DecompressedTooLong`] and [`Error::DecompressedTooShort`], where the one that was
    /// written is no page.
    pub fn open(&self, vid: VolumeId, index: PageIndex, payload: Bytes) -> Result<Page, Error> {
        if payload.len() != self.len as usize {
            return Err(Error::PayloadLength { vid, index, expected: self.len, found: payload.len() });
        }
        if page_hash(vid, index, &payload) != self.hash {
            return Err(Error::PageHash { vid, index });
        }
        match self.codec {
            Codec::Raw => Page::try_from(payload).map_err(|_| Error::EntryLength { vid, index, len: self.len }),
            Codec::Lz4 => {
                let page = decompress(&payload).map_err(|reason| match reason {
                    NoPage::NotLz4 => Error::NotLz4 { vid, index },
                    NoPage::TooLong => Error::DecompressedTooLong { vid, index },
                    NoPage::TooShort(len) => Error::DecompressedTooShort { vid, index, len },
                })?;
                Ok(Page::try_from(Bytes::from(page)).expect("what was decompressed has the length of a page"))
            }
        }
    }

    /// May the codec have made a payload of this length?
    pub(crate) fn has_possible_len(&self) -> bool {
        match self.codec {
            Codec::Raw => self.len as usize == PAGE_SIZE,
            Codec::Lz4 => (1..PAGE_SIZE).contains(&(self.len as usize)),
        }
    }
}
