//! `search_orphans`, `adopt_orphans`, `read_due_orphans` and `remove_orphans`: how a pagestore removes segments that no
//! commit names.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use catgraft_core::{SegmentId, VolumeId};
use catgraft_proto::catgraft::internal::v1::{
    AdoptOrphansRequest, AdoptOrphansResponse, Orphan, ReadDueOrphansRequest, ReadDueOrphansResponse,
    RemoveOrphansRequest, RemoveOrphansResponse, SearchOrphansRequest, SearchOrphansResponse,
};
use catgraft_service::{ApiError, http};

use super::{SMALL_REQUEST_BYTES_MAX, State, encode};
use crate::{
    catalog::Stray,
    orphans::{Grace, StrayObject},
};

pub(super) async fn search(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<SearchOrphansRequest> =
        http::receive(body, SMALL_REQUEST_BYTES_MAX).await?;
    let searched = state.volumes.orphans_search(grace(message.grace_ms)?).await?;
    let answer =
        SearchOrphansResponse { looked_at: searched.looked_at, doomed: searched.doomed, is_done: searched.is_done };
    Ok(http::respond(&request, &answer).await)
}

pub(super) async fn adopt(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<AdoptOrphansRequest> =
        http::receive_rows(body, state.request_bytes_max).await?;
    let objects = message.orphans.iter().map(stray_object).collect::<Result<Vec<_>, ApiError>>()?;
    let adopted = state.volumes.orphans_adopt(objects, grace(message.grace_ms)?).await?;
    Ok(http::respond(&request, &AdoptOrphansResponse { adopted }).await)
}

pub(super) async fn due(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<ReadDueOrphansRequest> =
        http::receive(body, SMALL_REQUEST_BYTES_MAX).await?;
    let due = state.volumes.orphans_due(grace(message.grace_ms)?).await?;
    let orphan = |stray: &Stray| {
        let Stray { sid, byte_len } = *stray;
        Orphan { sid: encode::id(sid.as_bytes()), byte_len, vids: Vec::new() }
    };
    Ok(http::respond(&request, &ReadDueOrphansResponse { orphans: due.iter().map(orphan).collect() }).await)
}

pub(super) async fn remove(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<RemoveOrphansRequest> =
        http::receive(body, state.request_bytes_max).await?;
    let sids = message.sids.iter().map(sid).collect::<Result<Vec<_>, _>>()?;
    let removed = state.volumes.orphans_remove(sids, grace(message.grace_ms)?).await?;
    Ok(http::respond(&request, &RemoveOrphansResponse { removed }).await)
}

fn stray_object(orphan: &Orphan) -> Result<StrayObject, ApiError> {
    let stray = Stray { sid: sid(&orphan.sid)?, byte_len: orphan.byte_len };
    let vid =
        |bytes: &Bytes| VolumeId::try_from(bytes.as_ref()).map_err(|error| ApiError::invalid(format!("vids: {error}")));
    Ok(StrayObject { stray, vids: orphan.vids.iter().map(vid).collect::<Result<_, _>>()? })
}

fn grace(ms: u64) -> Result<Grace, ApiError> {
    Grace::new(Duration::from_millis(ms)).map_err(|error| ApiError::invalid(format!("grace_ms: {error}")))
}

fn sid(bytes: &Bytes) -> Result<SegmentId, ApiError> {
    SegmentId::try_from(bytes.as_ref()).map_err(|error| ApiError::invalid(format!("sid: {error}")))
}
