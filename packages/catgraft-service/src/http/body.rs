//! Request bodies: bounded, then decoded.
//!
//! Content type and encoding were checked by the middleware before a handler runs.

use std::time::Duration;

use actix_web::web::{Bytes, BytesMut, Payload};
use futures::StreamExt;
use prost::Message;

use crate::error::ApiError;

/// Longest silence within a body.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a whole body and decodes it. A body above `limit_bytes`, one that ends early and one that is not such a
/// message are [`crate::ErrorKind::Invalid`]. Handlers that decode while the body arrives take it with
/// [`next_piece`].
pub async fn read_message<M: Message + Default>(payload: Payload, limit_bytes: usize) -> Result<M, ApiError> {
    let body = read_body(payload, limit_bytes).await?;
    M::decode(body).map_err(|error| ApiError::invalid(format!("the body is not the message of this call: {error}")))
}

/// The next piece of a body, none at its end. For handlers that decode while the body arrives. A client that goes away or
/// says nothing for 30 s is [`crate::ErrorKind::Invalid`]: nearly always nobody reads the answer.
pub async fn next_piece(payload: &mut Payload) -> Result<Option<Bytes>, ApiError> {
    match tokio::time::timeout(PIECE_TIMEOUT, payload.next()).await {
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(Some(Err(error))) => Err(ApiError::invalid("the request body ended early").with_source(error.to_string())),
        Ok(None) => Ok(None),
        Err(_) => {
            let seconds = PIECE_TIMEOUT.as_secs();
            Err(ApiError::invalid(format!("nothing of the request body came for {seconds} s")))
        }
    }
}

async fn read_body(mut payload: Payload, limit_bytes: usize) -> Result<Bytes, ApiError> {
    let too_large =
        || ApiError::invalid(format!("the body is larger than the {limit_bytes} bytes that this call takes"));
    // Most bodies are one chunk, which is kept as it came.
    let Some(first) = next_piece(&mut payload).await? else { return Ok(Bytes::new()) };
    if first.len() > limit_bytes {
        return Err(too_large());
    }
    let Some(second) = next_piece(&mut payload).await? else { return Ok(first) };
    let mut body = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(piece) = next {
        if body.len() + piece.len() > limit_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
        next = next_piece(&mut payload).await?;
    }
    Ok(body.freeze())
}
