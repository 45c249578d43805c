//! Why bytes are not a segment: one variant a rejection.

use catgraft_core::{GidError, PageIndex, SegmentId, VolumeId};

use crate::format::{FOOTER_LEN, INDEX_LEN_MAX, SEGMENT_PAGES_MAX, VERSION};

/// Why bytes are not a segment, or not the part of it that was asked for.
///
/// It does not know which segment the bytes came from: see [`Error::in_segment`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fewer bytes than a footer has, or a footer of another length.
    #[error("the footer has {FOOTER_LEN} bytes, here are {len}")]
    FooterLength {
        /// Bytes given.
        len: usize,
    },
    /// The last eight bytes are not those of a segment.
    #[error("it does not end with the magic of a segment")]
    Magic,
    /// Another version of the format.
    #[error("it is written in version {found} of the format, this CatGraft reads version {VERSION}")]
    Version {
        /// The version that the footer names.
        found: u16,
    },
    /// The footer is not as it was written.
    #[error("the footer does not match its checksum")]
    FooterChecksum,
    /// Bytes of the footer that version 1 leaves zero are not.
    #[error("the footer's reserved bytes are not zero")]
    FooterReserved,
    /// The footer's numbers of volumes and pages are not possible, or do not give the index its length.
    #[error("an index of {index_len} bytes cannot hold {volumes} volumes with {pages} pages")]
    FooterCounts {
        /// Volumes, as the footer says.
        volumes: u32,
        /// Pages, as the footer says.
        pages: u32,
        /// Bytes of the index, as the footer says.
        index_len: u32,
    },
    /// The index holds other numbers of volumes and pages than the footer says.
    #[error("the footer counts {volumes} volumes and {pages} pages, the index holds others")]
    CountsDiffer {
        /// Volumes, as the footer says.
        volumes: u32,
        /// Pages, as the footer says.
        pages: u32,
    },
    /// The end of the object that was handed in does not reach back to the index.
    #[error("index and footer are the last {needed} bytes, here are {len}")]
    TailTooShort {
        /// Bytes of index and footer together.
        needed: u64,
        /// Bytes given.
        len: usize,
    },
    /// Pages area, index and footer do not add up to the segment.
    #[error("{byte_len} bytes are not pages up to {index_offset}, {index_len} bytes of index and a footer")]
    Extent {
        /// Bytes of the whole segment.
        byte_len: u64,
        /// Where the index begins.
        index_offset: u64,
        /// Bytes of the index.
        index_len: u32,
    },
    /// The index is longer than any index is.
    #[error("the index has {len} bytes, more than {INDEX_LEN_MAX}")]
    IndexTooLong {
        /// Bytes of the index.
        len: u32,
    },
    /// The bytes handed in are not as many as the index has.
    #[error("the index has {expected} bytes, here are {found}")]
    IndexLength {
        /// Bytes of the index.
        expected: u32,
        /// Bytes given.
        found: usize,
    },
    /// The index is not as it was written.
    #[error("the index does not match its hash")]
    IndexHash,
    /// The index ends within a volume's head or entries.
    #[error("the index ends early, within volume {position}")]
    IndexEndsEarly {
        /// Which volume of the index, from 0.
        position: usize,
    },
    /// A volume of the index has an id that is none.
    #[error("volume {position} of the index has no valid id")]
    Volume {
        /// Which volume of the index, from 0.
        position: usize,
        /// What is wrong with the id.
        source: GidError,
    },
    /// The volumes are not in ascending order, or one is there twice.
    #[error("volume {vid} is out of order in the index")]
    VolumeOrder {
        /// The volume that comes too late.
        vid: VolumeId,
    },
    /// A volume without pages has no place in an index.
    #[error("volume {vid} is in the index without pages")]
    VolumeEmpty {
        /// The volume.
        vid: VolumeId,
    },
    /// More pages than a segment holds.
    #[error("the index holds more than {SEGMENT_PAGES_MAX} pages")]
    TooManyPages,
    /// Page indexes count from 1.
    #[error("volume {vid} has page 0 in the index")]
    PageZero {
        /// The volume.
        vid: VolumeId,
    },
    /// The pages of a volume are not in ascending order, or one is there twice.
    #[error("page {index} of volume {vid} is out of order in the index")]
    PageOrder {
        /// The volume.
        vid: VolumeId,
        /// The page that comes too late.
        index: PageIndex,
    },
    /// The codec is not known.
    #[error("page {index} of volume {vid} is stored with codec {found}, it was written by a newer CatGraft")]
    Codec {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
        /// The codec's number.
        found: u8,
    },
    /// A byte of an entry that version 1 leaves zero is not.
    #[error("the reserved byte of page {index} of volume {vid} is not zero")]
    EntryReserved {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
    },
    /// The codec does not make payloads of this length.
    #[error("page {index} of volume {vid} cannot be stored in {len} bytes")]
    EntryLength {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
        /// Bytes of the payload.
        len: u32,
    },
    /// The payload does not lie in the pages area.
    #[error("page {index} of volume {vid} lies beyond the pages area")]
    PageOutside {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
    },
    /// The payload begins within another one.
    #[error("page {index} of volume {vid} overlaps another page")]
    PageOverlap {
        /// The volume.
        vid: VolumeId,
        /// The page that begins too early.
        index: PageIndex,
    },
    /// Bytes of the pages area belong to no page.
    #[error("no page fills the bytes from {offset} on")]
    PagesGap {
        /// Where the first gap begins.
        offset: u64,
    },
    /// The bytes handed in are not as many as the page's payload has.
    #[error("page {index} of volume {vid} is stored in {expected} bytes, here are {found}")]
    PayloadLength {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
        /// Bytes of the payload.
        expected: u32,
        /// Bytes given.
        found: usize,
    },
    /// The payload is not as it was written, or is another page's.
    #[error("page {index} of volume {vid} does not match its hash")]
    PageHash {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
    },
    /// The payload is as it was written, and is not what LZ4 makes.
    #[error("page {index} of volume {vid} is stored with codec lz4, and its payload is no LZ4 block")]
    NotLz4 {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
    },
    /// The payload is as it was written, and is more than a page.
    #[error("page {index} of volume {vid} decompresses to more than 4096 bytes")]
    DecompressedTooLong {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
    },
    /// The payload is as it was written, and is less than a page.
    #[error("page {index} of volume {vid} decompresses to {len} bytes, a page has 4096")]
    DecompressedTooShort {
        /// The volume.
        vid: VolumeId,
        /// The page.
        index: PageIndex,
        /// Bytes of the decompressed payload.
        len: usize,
    },
}

impl Error {
    /// The same, with the name of the segment that the bytes came from.
    pub fn in_segment(self, segment: SegmentId) -> Damaged {
        Damaged { segment, source: self }
    }
}

/// A segment that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("segment {segment} cannot be read")]
pub struct Damaged {
    /// The segment.
    pub segment: SegmentId,
    /// What is wrong with its bytes.
    pub source: Error,
}
