//! The body of a PUT: a payload's chunks as they lie, never joined, in parts that show how it gets on, and sent again from
//! the start on a retry.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::patience::STEP_BYTES;
use crate::payload::Payload;

/// The payload as the SDK sends it.
pub(super) fn stream(payload: Payload) -> ByteStream {
    ByteStream::new(SdkBody::retryable(move || SdkBody::from_body_1_x(ChunkBody::new(payload.clone()))))
}

struct ChunkBody {
    payload: Payload,
    next: usize,
    /// Bytes of the next chunk that were sent.
    offset: usize,
    left: u64,
}

impl ChunkBody {
    fn new(payload: Payload) -> Self {
        let left = payload.len();
        Self { payload, next: 0, offset: 0, left }
    }
}

impl Body for ChunkBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(chunk) = self.payload.chunks().get(self.next) else { return Poll::Ready(None) };
        let end = chunk.len().min(self.offset + STEP_BYTES);
        let part = chunk.slice(self.offset..end);
        (self.next, self.offset) = if end < chunk.len() { (self.next, end) } else { (self.next + 1, 0) };
        self.left -= part.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
