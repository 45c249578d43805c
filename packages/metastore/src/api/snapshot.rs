//! `snapshot`: a volume at an LSN, or at its head.

use actix_web::{HttpRequest, HttpResponse, web};
use catgraft_proto::{
    SnapshotCall,
    graft::metastore::v1::{SnapshotRequest, SnapshotResponse},
};
use catgraft_service::{ApiError, http};

use super::{SMALL_REQUEST_BYTES_MAX, State, encode};
use crate::error::invalid_message;

pub(super) async fn handle(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<SnapshotRequest> =
        http::receive(body, SMALL_REQUEST_BYTES_MAX).await?;
    let call = SnapshotCall::try_from(message).map_err(invalid_message)?;
    http::note_volume(&call.vid);
    let snapshot = state.volumes.snapshot(call).await?;
    http::note_lsn(snapshot.lsn);
    Ok(http::respond(&request, &SnapshotResponse { snapshot: Some(encode::snapshot(&snapshot)) }).await)
}
