//! `register_segments`: the rows of segments whose upload has begun.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};
use catgraft_core::{PageSet, SegmentId, VolumeId, limits::SEGMENT_PAGES_MAX};
use catgraft_proto::catgraft::internal::v1::{self as wire, RegisterSegmentsRequest, RegisterSegmentsResponse};
use catgraft_service::{ApiError, http};

use super::State;
use crate::catalog::SegmentRow;

pub(super) async fn handle(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<RegisterSegmentsRequest> =
        http::receive_rows(body, state.request_bytes_max).await?;
    let rows = message.segments.into_iter().map(row_from_wire).collect::<Result<Vec<_>, _>>()?;
    let mut sids = HashSet::with_capacity(rows.len());
    if let Some(twice) = rows.iter().find(|row| !sids.insert(row.sid)) {
        return Err(ApiError::invalid(format!("segment {} is named twice", twice.sid)));
    }
    state.volumes.register(rows).await?;
    Ok(http::respond(&request, &RegisterSegmentsResponse {}).await)
}

fn row_from_wire(row: wire::SegmentRow) -> Result<SegmentRow, ApiError> {
    let sid = SegmentId::try_from(row.sid.as_ref()).map_err(|error| ApiError::invalid(format!("sid: {error}")))?;
    let refuse = |what: &str| ApiError::invalid(format!("segment {sid}: {what}"));
    let index_hash = row.index_hash.as_ref().try_into().map_err(|_| refuse("index_hash has not 32 bytes"))?;
    if row.index_offset.checked_add(row.index_len.into()).is_none_or(|end| end > row.byte_len) {
        return Err(refuse("the index lies outside of the segment"));
    }
    if i64::try_from(row.byte_len).is_err() {
        return Err(refuse("byte_len is larger than a segment can be"));
    }
    let mut volumes: Vec<(VolumeId, PageSet)> = Vec::with_capacity(row.volumes.len());
    let mut vids = HashSet::with_capacity(row.volumes.len());
    for volume in row.volumes {
        let vid = VolumeId::try_from(volume.vid.as_ref()).map_err(|error| refuse(&format!("vid: {error}")))?;
        let pages = PageSet::decode(&volume.graft, SEGMENT_PAGES_MAX);
        let pages = pages.map_err(|error| refuse(&format!("graft of volume {vid}: {error}")))?;
        if pages.is_empty() {
            return Err(refuse(&format!("it holds no page of volume {vid}")));
        }
        if !vids.insert(vid) {
            return Err(refuse(&format!("volume {vid} is named twice")));
        }
        volumes.push((vid, pages));
    }
    Ok(SegmentRow {
        sid,
        byte_len: row.byte_len,
        index_offset: row.index_offset,
        index_len: row.index_len,
        index_hash,
        volumes,
    })
}
