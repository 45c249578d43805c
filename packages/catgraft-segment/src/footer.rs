//! The footer: the end of every segment, for whoever has nothing but the object.
//!
//! It finds damage. It cannot find a forgery: for that the summary has to come from the catalog.

use crate::{
    error::Error,
    format::{ENTRY_LEN, FOOTER_LEN, HASH_LEN, MAGIC, SEGMENT_PAGES_MAX, VERSION, VOLUME_LEN, take, truncated},
    summary::SegmentSummary,
};

/// Where the checksum lies in the footer; it covers what is before and after it.
const CHECKSUM_AT: usize = 52;
/// Where the fields begin that keep their place, counted from the end, in every version.
const VERSION_AT: usize = CHECKSUM_AT + HASH_LEN;

// Version, two zero bytes and the magic end the footer, and so the object.
const _: () = assert!(VERSION_AT + 2 + 2 + MAGIC.len() == FOOTER_LEN);

/// The fields of a footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footer {
    pub(crate) summary: SegmentSummary,
    pub(crate) volumes: u32,
    pub(crate) pages: u32,
}

impl Footer {
    /// The summary of a segment out of its last [`FOOTER_LEN`] bytes, for an object of `object_len` bytes.
    ///
    /// # Errors
    /// The variants of [`Error`] about the footer, [`Error::Extent`] and [`Error::IndexTooLong`].
    pub fn decode(footer: &[u8], object_len: u64) -> Result<SegmentSummary, Error> {
        Self::read(footer, object_len).map(|footer| footer.summary)
    }

    /// All fields, checked as far as they can be without the index.
    pub(crate) fn read(footer: &[u8], object_len: u64) -> Result<Self, Error> {
        let bytes: &[u8; FOOTER_LEN] = footer.try_into().map_err(|_| Error::FooterLength { len: footer.len() })?;
        let version = u16::from_le_bytes([bytes[VERSION_AT], bytes[VERSION_AT + 1]]);
        if !bytes.ends_with(&MAGIC) {
            return Err(Error::Magic);
        }
        if version != VERSION {
            return Err(Error::Version { found: version });
        }
        if bytes[CHECKSUM_AT..VERSION_AT] != checksum(bytes) {
            return Err(Error::FooterChecksum);
        }
        if bytes[VERSION_AT + 2..VERSION_AT + 4] != [0; 2] {
            return Err(Error::FooterReserved);
        }
        let footer = Self::fields(bytes, object_len).expect("a footer has room for its fields");
        footer.summary.index_range()?;
        footer.check_counts()?;
        Ok(footer)
    }

    fn fields(mut bytes: &[u8], byte_len: u64) -> Option<Self> {
        let index_offset = u64::from_le_bytes(take(&mut bytes)?);
        let index_len = u32::from_le_bytes(take(&mut bytes)?);
        let volumes = u32::from_le_bytes(take(&mut bytes)?);
        let pages = u32::from_le_bytes(take(&mut bytes)?);
        let index_hash = take(&mut bytes)?;
        Some(Self { summary: SegmentSummary { byte_len, index_offset, index_len, index_hash }, volumes, pages })
    }

    fn check_counts(&self) -> Result<(), Error> {
        let Self { volumes, pages, summary: SegmentSummary { index_len, .. } } = *self;
        let expected = u64::from(volumes) * VOLUME_LEN as u64 + u64::from(pages) * ENTRY_LEN as u64;
        if pages as usize > SEGMENT_PAGES_MAX || volumes > pages || expected != u64::from(index_len) {
            return Err(Error::FooterCounts { volumes, pages, index_len });
        }
        Ok(())
    }

    /// The footer's bytes.
    pub(crate) fn encode(&self) -> [u8; FOOTER_LEN] {
        let mut bytes = [0; FOOTER_LEN];
        bytes[..8].copy_from_slice(&self.summary.index_offset.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.summary.index_len.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.volumes.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.pages.to_le_bytes());
        bytes[20..CHECKSUM_AT].copy_from_slice(&self.summary.index_hash);
        bytes[VERSION_AT..VERSION_AT + 2].copy_from_slice(&VERSION.to_le_bytes());
        bytes[FOOTER_LEN - MAGIC.len()..].copy_from_slice(&MAGIC);
        let checksum = checksum(&bytes);
        bytes[CHECKSUM_AT..VERSION_AT].copy_from_slice(&checksum);
        bytes
    }
}

fn checksum(footer: &[u8; FOOTER_LEN]) -> [u8; HASH_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&footer[..CHECKSUM_AT]).update(&footer[VERSION_AT..]);
    truncated(hasher.finalize())
}
