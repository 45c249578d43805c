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
/// A piece of fewer bytes is copied to another.
const SHARED_BYTES_MIN: usize = PAGE_SIZE;

/// Payloads in the order of the segment.
#[derive(Debug)]
pub(crate) struct PagesArea {
    pieces: Vec<Bytes>,
    /// The piece that payloads are copied to; it comes after all others.
    open: BytesMut,
    open_bytes: usize,
    len: u64,
}

impl Default for PagesArea {
    /// An area without payloads.
    fn default() -> Self {
        Self::for_bytes(PIECE_BYTES)
    }
}

impl PagesArea {
    /// An area without payloads, which is to hold no more than so many bytes: a small one takes no more memory than that.
    pub(crate) fn for_bytes(bytes: usize) -> Self {
        Self { pieces: Vec::new(), open: BytesMut::new(), open_bytes: bytes.min(PIECE_BYTES), len: 0 }
    }

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

    /// Adds payloads that lie behind one another.
    pub(crate) fn push(&mut self, payloads: Bytes) {
        if payloads.len() < SHARED_BYTES_MIN {
            self.push_copy(&payloads);
        } else {
            self.close();
            self.len += payloads.len() as u64;
            self.pieces.push(payloads);
        }
    }

    /// Adds payloads, of no more bytes than a piece has, by copying them.
    pub(crate) fn push_copy(&mut self, payload: &[u8]) {
        if payload.len() > self.open.capacity() - self.open.len() {
            self.close();
            self.open = BytesMut::with_capacity(self.open_bytes);
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
