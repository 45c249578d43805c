//! The bytes of a segment, version 1: field widths, sizes, codecs and hashes.
//!
//! All numbers are little endian; nothing is padded or aligned.
//!
//! ```text
//! ┌────────────────────────────────────────────────────────────────┐ 0
//! │ pages area    payloads, one after the other, in the order they │
//! │               were written                                     │
//! ├────────────────────────────────────────────────────────────────┤ index offset
//! │ index         for each volume, ascending by volume id:         │
//! │                 0  volume id                       16 B        │
//! │                16  number of its pages, from 1     u32         │
//! │                20  that many entries, ascending by page index: │
//! │                      0  page index, from 1         u32         │
//! │                      4  offset of the payload      u32         │
//! │                      8  length of the payload      u16         │
//! │                     10  codec                      u8          │
//! │                     11  zero                       u8          │
//! │                     12  page hash                  16 B        │
//! │                     28                                         │
//! ├────────────────────────────────────────────────────────────────┤ index offset + index length
//! │ footer          0  index offset                    u64         │
//! │                 8  index length                    u32         │
//! │                12  number of volumes               u32         │
//! │                16  number of pages                 u32         │
//! │                20  index hash                      32 B        │
//! │                52  footer checksum                 16 B        │
//! │                68  format version = 1              u16         │
//! │                70  zero                            u16         │
//! │                72  magic "CATG-SEG"                8 B         │
//! └────────────────────────────────────────────────────────────────┘ 80: end of the object
//! ```
//!
//! - The payloads fill the pages area without gap or overlap: each of its bytes belongs to one page.
//! - codec 0, raw: the payload is the page, 4096 bytes.
//! - codec 1, lz4: the payload is one LZ4 block, without a frame or a length before it, of 1 to 4095 bytes, and
//!   decompresses to exactly 4096. Each page is compressed for itself.
//! - Other codecs belong to newer versions of CatGraft. One that is older than codec 1 refuses the segments
//!   that have it, by name.
//! - page hash: the first 16 bytes of BLAKE3 over the payload as it is stored, keyed with
//!   `volume id · page index u32 · "segment page"`. A page moved to another place has the wrong hash, and damage is found
//!   before a byte of it is decompressed.
//! - index hash: BLAKE3 over the index.
//! - footer checksum: the first 16 bytes of BLAKE3 over the rest of the footer, bytes 0–51 and then 68–79.
//! - The last 12 bytes keep their meaning in every version, so that an older reader can tell a newer segment
//!   from a damaged one.

use catgraft_core::{PAGE_SIZE, PageIndex, VolumeId};

/// Most pages in one segment: 16 MiB of them.
pub const SEGMENT_PAGES_MAX: usize = catgraft_core::limits::SEGMENT_PAGES_MAX as usize;

/// Bytes of the footer, the end of every segment.
pub const FOOTER_LEN: usize = 80;

/// Most bytes of an index: every page in a volume of its own.
pub const INDEX_LEN_MAX: usize = SEGMENT_PAGES_MAX * (VOLUME_LEN + ENTRY_LEN);

/// Most bytes of a segment.
pub const SEGMENT_BYTES_MAX: usize = SEGMENT_PAGES_MAX * PAGE_SIZE + INDEX_LEN_MAX + FOOTER_LEN;

/// The version of the format that this crate writes, and the only one that it reads.
pub const VERSION: u16 = 1;

/// The last eight bytes of every segment.
pub const MAGIC: [u8; 8] = *b"CATG-SEG";

/// Bytes of a volume's head in the index: volume id, number of pages.
pub(crate) const VOLUME_LEN: usize = 16 + 4;

/// Bytes of a page's entry in the index: page index, offset, length, codec, zero, hash.
pub(crate) const ENTRY_LEN: usize = 4 + 4 + 2 + 1 + 1 + HASH_LEN;

/// Bytes that are kept of a page's hash. Random damage goes unnoticed once in 2^128 times.
pub(crate) const HASH_LEN: usize = 16;

// The sizes drawn above. To change one is to write another version of the format.
const _: () = assert!(VOLUME_LEN == 20 && ENTRY_LEN == 28);
// A payload is never longer than a page, and its entry has a u16 for its length.
const _: () = assert!(PAGE_SIZE <= u16::MAX as usize);
// An entry has a u32 for an offset in the pages area, and readers count bytes of a segment in usize.
const _: () = assert!(SEGMENT_BYTES_MAX <= u32::MAX as usize);
// Readers keep whole indexes in memory: a quarter of a mebibyte is what one may cost.
const _: () = assert!(INDEX_LEN_MAX <= 256 * 1024);

/// How a page became its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// The payload is the page.
    Raw,
    /// The payload is the page as one LZ4 block.
    Lz4,
}

impl Codec {
    /// The codec with this number; none where only a newer CatGraft knows it.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Raw),
            1 => Some(Self::Lz4),
            _ => None,
        }
    }

    /// The number of the codec in an index entry.
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Lz4 => 1,
        }
    }

    /// The codec's name, for people and programs that look at segments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Lz4 => "lz4",
        }
    }
}

/// The hash of a page's payload, bound to the page's volume and place.
pub(crate) fn page_hash(vid: VolumeId, index: PageIndex, payload: &[u8]) -> [u8; HASH_LEN] {
    let mut key = [0; blake3::KEY_LEN];
    key[..16].copy_from_slice(vid.as_bytes());
    key[16..20].copy_from_slice(&index.get().to_le_bytes());
    key[20..].copy_from_slice(b"segment page");
    truncated(blake3::keyed_hash(&key, payload))
}

/// The hash of an encoded index.
pub(crate) fn index_hash(index: &[u8]) -> [u8; 32] {
    blake3::hash(index).into()
}

/// The first [`HASH_LEN`] bytes of a hash.
pub(crate) fn truncated(hash: blake3::Hash) -> [u8; HASH_LEN] {
    let mut short = [0; HASH_LEN];
    short.copy_from_slice(&hash.as_bytes()[..HASH_LEN]);
    short
}

/// Takes the next `N` bytes off the front; none where there are fewer.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}
