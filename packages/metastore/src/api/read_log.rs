//! `read_log`: the commits of a volume that a pagestore has not seen.

use actix_web::{HttpRequest, HttpResponse, web};
use catgraft_proto::{
    ReadLogCall,
    catgraft::internal::v1::{LogCommit, ReadLogRequest, ReadLogResponse},
};
use catgraft_service::{ApiError, http};

use super::{SMALL_REQUEST_BYTES_MAX, State};
use crate::error::invalid_message;

pub(super) async fn handle(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<ReadLogRequest> =
        http::receive(body, SMALL_REQUEST_BYTES_MAX).await?;
    let call = ReadLogCall::try_from(message).map_err(invalid_message)?;
    http::note_volume(&call.vid);
    let Some(page) = state.volumes.log_after(call).await? else {
        return Ok(http::respond(&request, &ReadLogResponse::default()).await);
    };
    let commits = page.commits.iter().map(|commit| LogCommit {
        lsn: commit.lsn.get(),
        page_count: commit.page_count.get(),
        segments: commit.segments.encoded(),
    });
    let answer = ReadLogResponse { head_lsn: page.head.lsn.get(), commits: commits.collect() };
    Ok(http::respond(&request, &answer).await)
}
