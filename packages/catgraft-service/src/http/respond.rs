//! Answers: one message, compressed where the client can read it and it pays.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes, Data},
};
use prost::Message;

use super::{
    PROTOBUF,
    body::ROOM_UNIT_BYTES,
    compression::{self, Encoding},
    pieces::Pieces,
    server::Shared,
};
use crate::{
    error::ApiError,
    room::{Full, Share},
};

/// Below this, compression costs more than it saves.
const COMPRESS_BYTES_MIN: usize = 4 * 1024;
/// Above this, compression takes long enough to be kept off the worker thread that other requests share.
const COMPRESS_INLINE_BYTES_MAX: usize = 64 * 1024;
/// Answers below this take no room: the connection has buffers of that size anyway.
const ROOM_BYTES_MIN: usize = 32 * 1024;

/// The answer 200 with this message.
pub async fn respond(request: &HttpRequest, message: &impl Message) -> HttpResponse {
    respond_pieces(request, Pieces::new(vec![message.encode_to_vec().into()])).await
}

/// The answer 200 with a message that is encoded already. It is joined, which is a copy, only to be compressed. A large one
/// takes room until the client has taken it, and is a 503 where there is none.
pub async fn respond_pieces(request: &HttpRequest, message: Pieces) -> HttpResponse {
    match room_for(request, message.byte_len()).await {
        Ok(None) => encoded(request, message, |message| message).await,
        Ok(Some(share)) => encoded(request, message, |message| message.holding(share)).await,
        Err(full) => {
            let busy = ApiError::busy("the server is busy with the answers of others; try again");
            HttpResponse::from_error(busy.with_source(full))
        }
    }
}

async fn room_for(request: &HttpRequest, bytes: usize) -> Result<Option<Share>, Full> {
    match request.app_data::<Data<Shared>>() {
        Some(shared) if bytes >= ROOM_BYTES_MIN => {
            Ok(Some(shared.answers.take(bytes.div_ceil(ROOM_UNIT_BYTES)).await?))
        }
        _ => Ok(None),
    }
}

async fn encoded(request: &HttpRequest, message: Pieces, hold: impl FnOnce(Pieces) -> Pieces) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, PROTOBUF));
    if message.byte_len() < COMPRESS_BYTES_MIN {
        return response.body(hold(message));
    }
    response.insert_header((header::VARY, "Accept-Encoding"));
    let Some(encoding) = compression::negotiate(request.headers()) else {
        return response.body(hold(message));
    };
    let message = message.join();
    match compress(encoding, message.clone()).await {
        Some(compressed) => {
            response.insert_header((header::CONTENT_ENCODING, encoding.token()));
            response.body(hold(Pieces::new(vec![compressed.into()])))
        }
        None => response.body(hold(Pieces::new(vec![message]))),
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
