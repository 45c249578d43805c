//! `read_pages`: the newest version of each page at or below an LSN.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use catgraft_proto::{ReadPagesCall, graft::pagestore::v1::ReadPagesRequest};
use catgraft_service::{ApiError, http};

use super::State;

/// A request names a volume, an LSN and at most 1024 pages, which take some kilobytes where they are far apart.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn handle(
    request: HttpRequest,
    body: http::Body,
    state: Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<ReadPagesRequest> =
        http::receive(body, REQUEST_BYTES_MAX).await?;
    let call = ReadPagesCall::try_from(message).map_err(|error| ApiError::invalid(error.to_string()))?;
    http::note_volume(&call.vid);
    http::note_lsn(call.lsn);
    let answer = http::Pieces::new(state.reader.read(&call).await?);
    Ok(http::respond_pieces(&request, answer).await)
}
