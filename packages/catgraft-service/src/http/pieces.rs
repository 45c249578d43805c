//! A body in pieces that are in memory already: they are sent from where they lie, one after the other.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use actix_web::{
    body::{BodySize, MessageBody},
    web::Bytes,
};

use crate::room::Share;

/// Most bytes that are handed on at a time of an answer that has a share: what is handed on is copied, and is not counted
/// any more.
pub(super) const HANDED_ON_BYTES_MAX: usize = 8 * 1024;

/// An encoded message in pieces, so that what is large in it is shared with whoever else holds it and not copied.
#[derive(Debug)]
pub struct Pieces {
    bytes_left: usize,
    pieces: vec::IntoIter<Bytes>,
    /// The rest of a piece.
    rest: Bytes,
    /// Room for the answer, until the client has taken it.
    share: Option<Share>,
}

impl Pieces {
    /// The message that these pieces are, joined.
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let bytes_left = pieces.iter().map(Bytes::len).sum();
        Self { bytes_left, pieces: pieces.into_iter(), rest: Bytes::new(), share: None }
    }

    /// The same with room that it takes until the client has taken it.
    pub(super) fn holding(mut self, share: Share) -> Self {
        self.share = Some(share);
        self
    }

    /// Bytes of the message.
    pub fn byte_len(&self) -> usize {
        self.bytes_left
    }

    /// The message as one: a copy, unless it has one piece only.
    pub fn join(mut self) -> Bytes {
        if self.pieces.len() <= 1 {
            return self.pieces.next().unwrap_or_default();
        }
        let mut joined = Vec::with_capacity(self.bytes_left);
        self.pieces.for_each(|piece| joined.extend_from_slice(&piece));
        joined.into()
    }

    fn next(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            self.rest = self.pieces.next()?;
        }
        let len = if self.share.is_some() { HANDED_ON_BYTES_MAX } else { usize::MAX };
        Some(self.rest.split_to(self.rest.len().min(len)))
    }
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes_left as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let next = self.next();
        self.bytes_left -= next.as_ref().map_or(0, Bytes::len);
        Poll::Ready(next.map(Ok))
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        if self.share.is_none() && self.pieces.len() <= 1 { Ok(self.join()) } else { Err(self) }
    }
}
