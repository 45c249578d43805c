//! What the catalog keeps of a segment: enough to read it without its footer, and to notice every change to it.

use std::ops::Range;

use crate::{
    error::Error,
    format::{FOOTER_LEN, INDEX_LEN_MAX},
};

/// What must be known of a segment to read its index and to believe it.
///
/// The fields are plain, because they come out of the catalog or a footer; [`SegmentSummary::index_range`] and
/// [`SegmentIndex::decode`](crate::SegmentIndex::decode) refuse those that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSummary {
    /// Bytes of the whole segment.
    pub byte_len: u64,
    /// Where the index begins, in bytes: the length of the pages area.
    pub index_offset: u64,
    /// Bytes of the index.
    pub index_len: u32,
    /// BLAKE3 of the index.
    pub index_hash: [u8; 32],
}

impl SegmentSummary {
    /// The range of bytes to read for the index, at most [`INDEX_LEN_MAX`] long.
    ///
    /// # Errors
    /// [`Error::IndexTooLong`] and [`Error::Extent`], where the numbers are of no segment.
    pub fn index_range(&self) -> Result<Range<u64>, Error> {
        let Self { byte_len, index_offset, index_len, .. } = *self;
        if index_len as usize > INDEX_LEN_MAX {
            return Err(Error::IndexTooLong { len: index_len });
        }
        let index_end = index_offset.checked_add(u64::from(index_len));
        match index_end {
            Some(end) if end.checked_add(FOOTER_LEN as u64) == Some(byte_len) => Ok(index_offset..end),
            _ => Err(Error::Extent { byte_len, index_offset, index_len }),
        }
    }
}
