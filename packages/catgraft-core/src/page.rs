//! Pages: 4096 bytes each, their indexes and their count.

#[cfg(test)]
mod tests;

use std::{fmt, num::NonZeroU32};

use bytes::Bytes;

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;

/// Why a number or bytes are not a page index or a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Page indexes count from 1.
    #[error("page index 0 does not exist: page indexes count from 1")]
    IndexZero,
    /// A page has exactly [`PAGE_SIZE`] bytes.
    #[error("a page has exactly 4096 bytes, this has {len}")]
    Size {
        /// Bytes given.
        len: usize,
    },
}

/// Place of a page in its volume, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageIndex(NonZeroU32);

impl PageIndex {
    /// The first page of a volume.
    pub const FIRST: PageIndex = PageIndex(NonZeroU32::MIN);

    /// The index with this number.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number itself.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for PageIndex {
    type Error = PageError;
    fn try_from(number: u32) -> Result<Self, PageError> {
        Self::new(number).ok_or(PageError::IndexZero)
    }
}

impl fmt::Display for PageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Logical length of a volume at an LSN, in pages. Pages beyond it do not exist.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageCount(u32);

impl PageCount {
    /// The count with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number itself.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Does a page with this index exist in a volume of this length?
    pub fn contains(self, index: PageIndex) -> bool {
        index.get() <= self.0
    }
}

impl fmt::Display for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The content of a page: exactly [`PAGE_SIZE`] bytes, shared and never copied.
#[derive(Clone, PartialEq, Eq)]
pub struct Page(Bytes);

impl Page {
    /// The bytes, as they go on the wire.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The bytes, given up.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl TryFrom<Bytes> for Page {
    type Error = PageError;
    fn try_from(bytes: Bytes) -> Result<Self, PageError> {
        if bytes.len() == PAGE_SIZE { Ok(Self(bytes)) } else { Err(PageError::Size { len: bytes.len() }) }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({:02x?}…)", &self.0[..8])
    }
}
