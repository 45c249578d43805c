//! The segment file format: bytes in, bytes out.
//!
//! A segment is an immutable batch of pages, possibly of several volumes. [`SegmentBuilder`] takes runs of
//! pages, compresses each page where [`Compression`] says so and it pays, and seals them; [`SegmentIndex`] says where each
//! page of a sealed segment lies, so that a page is one range read; [`PageLocation::open`] turns the bytes of that range
//! into a page.
//!
//! The bytes of a segment are drawn in [`mod@format`].
//!
//! Invariants:
//! - Trust is rooted outside: whoever kept the [`SegmentSummary`] of a segment notices every damaged or forged
//!   byte of it. The summary holds the index's hash, and the index the hash of each page, which is bound to the
//!   page's volume and place. The footer repeats the summary for whoever has nothing but the object; it finds
//!   damage, and it cannot find a forgery.
//! - Every byte of a segment is covered by exactly one of: a page hash, the index hash, the footer.
//! - Bytes from outside are never trusted: whatever is wrong with them is an [`Error`], never a panic and never a
//!   wrong page.
//!
//! This crate must not know where segments are stored, what they are called there, or which commits name them.

mod builder;
mod compress;
mod error;
mod footer;
pub mod format;
mod index;
mod location;
mod packed;
mod pages_area;
mod summary;

pub use builder::{PushError, SealedSegment, SegmentBuilder};
pub use compress::{Compression, UnknownCompression};
pub use error::{Damaged, Error};
pub use footer::Footer;
pub use format::{Codec, FOOTER_LEN, INDEX_LEN_MAX, SEGMENT_BYTES_MAX, SEGMENT_PAGES_MAX};
pub use index::SegmentIndex;
pub use location::PageLocation;
pub use packed::PackedRun;
pub use summary::SegmentSummary;
