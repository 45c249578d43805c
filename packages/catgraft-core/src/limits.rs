//! The limits that the protocol sets and those that both services must agree on, and how they relate.

use std::time::Duration;

use crate::page::PAGE_SIZE;

/// Most pages that one `read_pages` may ask for.
pub const READ_PAGES_MAX: u64 = 1024;

/// Most bytes of a response body that a Graft 0.1.x client reads.
pub const RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Most bytes that one page takes on the wire: its data, both field headers, the index and the message header.
pub const PAGE_ON_WIRE_BYTES_MAX: usize = PAGE_SIZE + 3 + 6 + 4;

// A full answer of read_pages must fit what a client reads.
const _: () = assert!(READ_PAGES_MAX as usize * PAGE_ON_WIRE_BYTES_MAX <= RESPONSE_BYTES_MAX);

/// Most pages that one segment holds (16 MiB of pages). Bounds the segment's index, and so what one
/// read of an index costs; no page set of a segment is larger.
pub const SEGMENT_PAGES_MAX: u64 = 4096;

/// Longest from the birth of a segment's id to the moment at which a client is told of it. What is older was held up in a
/// way that nobody foresaw, and may have been removed meanwhile.
pub const SEGMENT_TOLD_MAX: Duration = Duration::from_secs(30 * 60);

/// Least time for which a segment that no commit names is left alone.
pub const ORPHAN_GRACE_MIN: Duration = Duration::from_secs(60 * 60);

// A segment that a client may still be told of is never old enough, also where two clocks differ by some minutes.
const _: () = assert!(SEGMENT_TOLD_MAX.as_secs() * 2 <= ORPHAN_GRACE_MIN.as_secs());
