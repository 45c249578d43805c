//! Compression of pages: which pages are worth an attempt, which attempts pay, and the way back.
//!
//! Each page is compressed for itself, so that a page stays one range read and one hash. The format fixes how a payload
//! becomes a page again; which pages are stored raw is the writer's choice, made here.

use std::{fmt, str::FromStr};

use catgraft_core::PAGE_SIZE;
use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into, get_maximum_output_size,
};

/// Longest compressed payload that is written: one that saves less than a sixteenth is not worth its decompression.
const WRITTEN_LEN_MAX: usize = PAGE_SIZE / 16 * 15;

/// After so many raw pages in a row, only one in so many is tried until one pays: images and ciphertext cost next to
/// nothing, and text behind them is soon found.
const PATIENCE_PAGES: usize = 16;

/// What a writer does to make pages smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// Every page is stored raw.
    #[default]
    None,
    /// Pages that LZ4 makes smaller by a sixteenth or more are stored so, the others raw.
    Lz4,
}

/// The text names no compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("compressions are lz4 and none")]
pub struct UnknownCompression;

impl FromStr for Compression {
    type Err = UnknownCompression;
    fn from_str(text: &str) -> Result<Self, UnknownCompression> {
        match text {
            "none" => Ok(Self::None),
            "lz4" => Ok(Self::Lz4),
            _ => Err(UnknownCompression),
        }
    }
}

/// Compresses pages one after the other, in memory that it keeps.
pub(crate) struct Compressor {
    table: CompressTable,
    scratch: Vec<u8>,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compressor")
    }
}

impl Compressor {
    pub(crate) fn new() -> Self {
        Self { table: CompressTable::small(), scratch: vec![0; get_maximum_output_size(PAGE_SIZE)] }
    }

    /// The compressed page; none where that does not pay.
    pub(crate) fn compress(&mut self, page: &[u8]) -> Option<&[u8]> {
        let len = compress_into_with_table(page, &mut self.scratch, &mut self.table)
            .expect("the scratch has room for whatever becomes of a page");
        let compressed = &self.scratch[..len];
        debug_assert!(decompress(compressed).is_ok_and(|back| back == page), "a page does not survive its compression");
        (len <= WRITTEN_LEN_MAX).then_some(compressed)
    }
}

/// Which pages of a run are tried. Pure.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    raw_in_a_row: usize,
}

impl Patience {
    /// Is the next page worth an attempt?
    pub(crate) fn tries_next(&self) -> bool {
        self.raw_in_a_row < PATIENCE_PAGES || self.raw_in_a_row.is_multiple_of(PATIENCE_PAGES)
    }

    /// Takes note of what became of the next page.
    pub(crate) fn note(&mut self, compressed: bool) {
        self.raw_in_a_row = if compressed { 0 } else { self.raw_in_a_row + 1 };
    }
}

/// Why a compressed payload is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPage {
    /// It is not what LZ4 makes.
    NotLz4,
    /// It decompresses to more than a page.
    TooLong,
    /// It decompresses to so many bytes, less than a page.
    TooShort(usize),
}

/// The page that was compressed to this payload. Whatever the payload is, no more than a page of memory is taken.
pub(crate) fn decompress(payload: &[u8]) -> Result<Vec<u8>, NoPage> {
    let mut page = vec![0; PAGE_SIZE];
    match decompress_into(payload, &mut page) {
        Ok(PAGE_SIZE) => Ok(page),
        Ok(len) => Err(NoPage::TooShort(len)),
        Err(DecompressError::OutputTooSmall { .. }) => Err(NoPage::TooLong),
        Err(_) => Err(NoPage::NotLz4),
    }
}
