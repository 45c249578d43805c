//! The limits that the protocol sets, and how they relate.

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
