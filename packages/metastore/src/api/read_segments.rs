//! `read_segments`: where the indexes of segments lie and what authenticates them.

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use catgraft_core::SegmentId;
use catgraft_proto::catgraft::internal::v1::{self as wire, ReadSegmentsRequest, ReadSegmentsResponse};
use catgraft_service::{ApiError, http};

use super::{State, encode};
use crate::catalog::SegmentRow;

pub(super) async fn handle(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<ReadSegmentsRequest> =
        http::receive(body, state.request_bytes_max).await?;
    let sid = |bytes: &Bytes| {
        SegmentId::try_from(bytes.as_ref()).map_err(|error| ApiError::invalid(format!("sids: {error}")))
    };
    let sids = message.sids.iter().map(sid).collect::<Result<Vec<_>, _>>()?;
    let rows = state.volumes.segments(&sids).await?;
    Ok(http::respond(&request, &ReadSegmentsResponse { segments: rows.iter().map(to_wire).collect() }).await)
}

fn to_wire(row: &SegmentRow) -> wire::SegmentRow {
    wire::SegmentRow {
        sid: encode::id(row.sid.as_bytes()),
        byte_len: row.byte_len,
        index_offset: row.index_offset,
        index_len: row.index_len,
        index_hash: Bytes::copy_from_slice(&row.index_hash),
        volumes: Vec::new(),
    }
}
