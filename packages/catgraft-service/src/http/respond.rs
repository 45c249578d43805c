//! Answers: one message, compressed where the client can read it and it pays.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes},
};
use prost::Message;

use super::{
    PROTOBUF,
    compression::{self, Encoding},
    pieces::Pieces,
};

/// Below this, compression costs more than it saves.
const COMPRESS_BYTES_MIN: usize = 4 * 1024;
/// Above this, compression takes long enough to be kept off the worker thread that other requests share.
const COMPRESS_INLINE_BYTES_MAX: usize = 64 * 1024;

/// The answer 200 with this message.
pub async fn respond(request: &HttpRequest, message: &impl Message) -> HttpResponse {
    respond_pieces(request, Pieces::new(vec![message.encode_to_vec().into()])).await
}

/// The answer 200 with a message that is encoded already. It is joined, which is a copy, only to be compressed.
pub async fn respond_pieces(request: &HttpRequest, message: Pieces) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, PROTOBUF));
    if message.byte_len() < COMPRESS_BYTES_MIN {
        return response.body(message);
    }
    response.insert_header((header::VARY, "Accept-Encoding"));
    let Some(encoding) = compression::negotiate(request.headers()) else { return response.body(message) };
    let message = message.join();
    match compress(encoding, message.clone()).await {
        Some(compressed) => {
            response.insert_header((header::CONTENT_ENCODING, encoding.token()));
            response.body(compressed)
        }
        None => response.body(message),
    }
}

/// None where compression does not make it smaller.
async fn compress(encoding: Encoding, body: Bytes) -> Option<Vec<u8>> {
    let len = body.len();
    let compressed = if len <= COMPRESS_INLINE_BYTES_MAX {
        encoding.compress(&body)
    } else {
        web::block(move || encoding.compress(&body)).await.ok()?
    };
    Some(compressed).filter(|compressed| compressed.len() < len)
}
