//! `commit`: one transaction of one volume.

use actix_web::{HttpRequest, HttpResponse, web};
use catgraft_proto::{
    CommitCall,
    graft::metastore::v1::{CommitRequest, CommitResponse},
};
use catgraft_service::{ApiError, http};

use super::{State, encode};
use crate::error::invalid_message;

pub(super) async fn handle(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share }: http::Received<CommitRequest> =
        http::receive(body, state.request_bytes_max).await?;
    let call = CommitCall::try_from(message).map_err(invalid_message)?;
    http::note_volume(&call.vid);
    let snapshot = state.volumes.commit(call, share).await?;
    http::note_lsn(snapshot.lsn);
    Ok(http::respond(&request, &CommitResponse { snapshot: Some(encode::snapshot(&snapshot)) }).await)
}
