//! The pages area of a segment that is being filled: payloads one after the other, in as few pieces as come without
//! copying much.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use catgraft_core::PAGE_SIZE;

/// Raw pages among compressed ones stay where they lie if there are so many of them in a row; fewer are copied, which
/// costs less than a piece of their own.
const SHARED_PAGES_MIN: usize = 16;
/// Bytes of a piece that payloads are copied to.
const PIECE_BYTES: usize = 64 * 1024;

/// Payloads in the order of the segment.
#[derive(Debug, Default)]
pub(crate) struct PagesArea {
    pieces: Vec<Bytes>,
    /// The piece that payloads are copied to; it comes after all others.
    open: BytesMut,
    len: u64,
}

impl PagesArea {
    /// Bytes of all payloads.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Adds raw pages of a run. A run that is raw from end to end is never copied.
    pub(crate) fn push_raw(&mut self, run: &Bytes, pages: Range<usize>) {
        let bytes = pages.start * PAGE_SIZE..pages.end * PAGE_SIZE;
        if pages.len() >= SHARED_PAGES_MIN || bytes.len() == run.len() {
            self.close();
            self.len += bytes.len() as u64;
            self.pieces.push(run.slice(bytes));
        } else {
            for page in run[bytes].chunks_exact(PAGE_SIZE) {
                self.push_copy(page);
            }
        }
    }

    /// Adds a payload, which is no longer than a page, by copying it.
    pub(crate) fn push_copy(&mut self, payload: &[u8]) {
        if payload.len() > self.open.capacity() - self.open.len() {
            self.close();
            self.open = BytesMut::with_capacity(PIECE_BYTES);
        }
        self.open.extend_from_slice(payload);
        self.len += payload.len() as u64;
    }

    /// The payloads in pieces, none of them empty.
    pub(crate) fn finish(mut self) -> Vec<Bytes> {
        self.close();
        self.pieces
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.pieces.push(self.open.split().freeze());
        }
    }
}
