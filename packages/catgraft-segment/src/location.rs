//! Where a page lies in its segment, and how its payload becomes a page again.

use std::ops::Range;

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, Page, PageIndex, VolumeId};

use crate::{
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
    /// location was found under. A raw payload is not copied.
    ///
    /// # Errors
    /// [`Error::PayloadLength`] and [`Error::PageHash`], where the payload is not the one that was written for this
    /// page.
    pub fn open(&self, vid: VolumeId, index: PageIndex, payload: Bytes) -> Result<Page, Error> {
        if payload.len() != self.len as usize {
            return Err(Error::PayloadLength { vid, index, expected: self.len, found: payload.len() });
        }
        if page_hash(vid, index, &payload) != self.hash {
            return Err(Error::PageHash { vid, index });
        }
        match self.codec {
            Codec::Raw => Page::try_from(payload).map_err(|_| Error::EntryLength { vid, index, len: self.len }),
        }
    }

    /// May the codec have made a payload of this length?
    pub(crate) fn has_possible_len(&self) -> bool {
        match self.codec {
            Codec::Raw => self.len as usize == PAGE_SIZE,
        }
    }
}
