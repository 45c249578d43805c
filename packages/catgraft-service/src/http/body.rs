//! Request bodies: bounded in bytes, in time and in the memory that all of them take, then decoded.
//!
//! Content type and encoding were checked by the middleware before a handler runs.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::CONTENT_LENGTH,
    web::{Bytes, BytesMut, Data},
};
use futures::StreamExt;
use prost::Message;
use tokio::time::{Instant, timeout};

use super::{fields, pace::Waited, server::Shared};
use crate::{error::ApiError, room::Share};

/// Bodies of at most so many bytes take no room: they are bounded by the number of connections, and polls are such.
const SMALL_BYTES_MAX: usize = 4096;
/// What a body takes at most for each of its bytes while it is decoded and worked on.
const MEMORY_A_BYTE: usize = 8;
/// The unit of the room that bodies and answers take.
pub(super) const ROOM_UNIT_BYTES: usize = 1024;

/// The body of a request, as a handler takes it.
pub struct Body {
    payload: Payload,
    len: Option<usize>,
    shared: Data<Shared>,
    waited: Waited,
}

impl FromRequest for Body {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let len = request.headers().get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse().ok());
        let shared = request.app_data::<Data<Shared>>().cloned().expect("serve puts it there");
        ready(Ok(Self { payload: payload.take(), len, shared, waited: Waited::default() }))
    }
}

impl Body {
    /// Bytes of the body, where its head announces them.
    pub fn announced_len(&self) -> Option<usize> {
        self.len
    }

    /// The next piece, none at the end. For handlers that decode while the body arrives. A client that goes away or is slower
    /// than the settings allow is [`crate::ErrorKind::Invalid`]: nearly always nobody reads the answer. Only the time
    /// in here counts: a client that the handler keeps waiting is not slow.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, ApiError> {
        let pace = self.shared.limits.pace;
        let since = Instant::now();
        match timeout(pace.next_wait(self.waited), self.payload.next()).await {
            Ok(Some(Ok(piece))) => {
                self.waited.moved(since.elapsed(), piece.len());
                Ok(Some(piece))
            }
            Ok(Some(Err(error))) => {
                Err(ApiError::invalid("the request body ended early").with_source(error.to_string()))
            }
            Ok(None) => Ok(None),
            Err(_) => {
                let (rate, seconds) = (pace.bytes_per_second_min, pace.stall_timeout.as_secs_f32());
                Err(ApiError::invalid(format!(
                    "the request body comes too slowly: {} bytes of it came, and nobody waits longer than {seconds} s and \
                     what {rate} bytes a second take",
                    self.waited.bytes
                )))
            }
        }
    }

    /// Room for a body that is decoded whole.
    async fn share(&self, limit_bytes: usize) -> Result<Share, ApiError> {
        let bytes = self.len.unwrap_or(limit_bytes).min(limit_bytes);
        if bytes <= SMALL_BYTES_MAX {
            return Ok(Share::default());
        }
        let share = self.shared.bodies.take((bytes * MEMORY_A_BYTE).div_ceil(ROOM_UNIT_BYTES)).await;
        share.map_err(|full| ApiError::busy("the server is busy with other requests; try again").with_source(full))
    }

    async fn read(&mut self, limit_bytes: usize) -> Result<Bytes, ApiError> {
        let too_large =
            || ApiError::invalid(format!("the body is larger than the {limit_bytes} bytes that this call takes"));
        if self.len.is_some_and(|len| len > limit_bytes) {
            return Err(too_large());
        }
        // Most bodies are one chunk, which is kept as it came.
        let Some(first) = self.next_piece().await? else { return Ok(Bytes::new()) };
        if first.len() > limit_bytes {
            return Err(too_large());
        }
        let Some(second) = self.next_piece().await? else { return Ok(first) };
        let mut body = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if body.len() + piece.len() > limit_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
            next = self.next_piece().await?;
        }
        Ok(body.freeze())
    }
}

/// A message, and the room that it takes for as long as somebody works on it.
#[derive(Debug)]
pub struct Received<M> {
    /// The message.
    pub message: M,
    /// Its room.
    pub share: Share,
}

/// Reads a whole body and decodes it. A body above `limit_bytes`, one that ends early or comes too slowly, and one that is
/// not such a message are [`crate::ErrorKind::Invalid`]. Handlers that decode while the body arrives take it with
/// [`Body::next_piece`].
pub async fn receive<M: Message + Default>(body: Body, limit_bytes: usize) -> Result<Received<M>, ApiError> {
    receive_to(body, limit_bytes, 1).await
}

/// The same for a message of rows that have lists of ids themselves.
pub async fn receive_rows<M: Message + Default>(body: Body, limit_bytes: usize) -> Result<Received<M>, ApiError> {
    receive_to(body, limit_bytes, 2).await
}

async fn receive_to<M: Message + Default>(
    mut body: Body,
    limit_bytes: usize,
    depth: u32,
) -> Result<Received<M>, ApiError> {
    let share = body.share(limit_bytes).await?;
    let bytes = body.read(limit_bytes).await?;
    if !fields::are_worth_their_memory(&bytes, depth) {
        return Err(ApiError::invalid("the body has too many fields that are too short for what they should hold"));
    }
    let message = M::decode(bytes)
        .map_err(|error| ApiError::invalid(format!("the body is not the message of this call: {error}")))?;
    Ok(Received { message, share })
}
