//! The body of an answer whose bytes lie in several places: they are sent from where they lie, one after the other.

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

/// An encoded message in pieces, so that what is large in it is shared with whoever else holds it and not copied.
#[derive(Debug)]
pub struct Pieces {
    bytes_left: usize,
    pieces: vec::IntoIter<Bytes>,
}

impl Pieces {
    /// The message that these pieces are, joined.
    pub fn new(pieces: Vec<Bytes>) -> Self {
        Self { bytes_left: pieces.iter().map(Bytes::len).sum(), pieces: pieces.into_iter() }
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
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes_left as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let next = self.pieces.next();
        self.bytes_left -= next.as_ref().map_or(0, Bytes::len);
        Poll::Ready(next.map(Ok))
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        if self.pieces.len() <= 1 { Ok(self.join()) } else { Err(self) }
    }
}
