//! `pull_commits`: every commit of a range with its segments.

use actix_web::{HttpRequest, HttpResponse, web};
use catgraft_proto::{PullCall, graft::metastore::v1::PullCommitsRequest};
use catgraft_service::{ApiError, http};

use super::{SMALL_REQUEST_BYTES_MAX, State, encode};
use crate::error::invalid_message;

pub(super) async fn handle(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<PullCommitsRequest> =
        http::receive(body, SMALL_REQUEST_BYTES_MAX).await?;
    let call = PullCall::try_from(message).map_err(invalid_message)?;
    http::note_volume(&call.vid);
    let commits = state.volumes.commits(call).await?;
    Ok(http::respond(&request, &encode::commits(call.vid, &commits)?).await)
}
