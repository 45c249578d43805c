//! Request bodies: bounded, then decoded.
//!
//! Content type and encoding were checked by the middleware before a handler runs.

use actix_web::{
    error::PayloadError,
    web::{Bytes, BytesMut, Payload},
};
use futures::StreamExt;
use prost::Message;

use crate::error::ApiError;

/// Reads a whole body and decodes it. A body above `limit_bytes`, one that ends early and one that is not such a
/// message are [`crate::ErrorKind::Invalid`]. Handlers that decode while the body arrives read the payload themselves,
/// and map its errors with [`payload_error`].
pub async fn read_message<M: Message + Default>(payload: Payload, limit_bytes: usize) -> Result<M, ApiError> {
    let body = read_body(payload, limit_bytes).await?;
    M::decode(body).map_err(|error| ApiError::invalid(format!("the body is not the message of this call: {error}")))
}

async fn read_body(mut payload: Payload, limit_bytes: usize) -> Result<Bytes, ApiError> {
    let too_large =
        || ApiError::invalid(format!("the body is larger than the {limit_bytes} bytes that this call takes"));
    // Most bodies are one chunk, which is kept as it came.
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(payload_error)?;
    if first.len() > limit_bytes {
        return Err(too_large());
    }
    let Some(second) = payload.next().await else { return Ok(first) };
    let mut body = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk.map_err(payload_error)?;
        if body.len() + chunk.len() > limit_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
        next = payload.next().await;
    }
    Ok(body.freeze())
}

/// What an error of the payload stream is to the client: nearly always a client that went away, so a DEBUG line.
pub fn payload_error(error: PayloadError) -> ApiError {
    ApiError::invalid("the request body ended early").with_source(error.to_string())
}
