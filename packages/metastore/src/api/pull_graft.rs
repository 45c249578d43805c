//! `pull_graft`: which pages changed in a range. Idle clients poll it once a second a volume.

use actix_web::{HttpRequest, HttpResponse, web};
use catgraft_core::limits::RESPONSE_BYTES_MAX;
use catgraft_proto::{
    PullCall,
    graft::metastore::v1::{PullGraftRequest, PullGraftResponse},
    range_to_wire,
};
use catgraft_service::{ApiError, http};

use super::{SMALL_REQUEST_BYTES_MAX, State, encode};
use crate::{error::invalid_message, volumes::Error};

/// Most bytes of the answer besides the graft.
const ANSWER_BYTES_MAX: usize = 256;

pub(super) async fn handle(
    request: HttpRequest,
    body: http::Body,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share }: http::Received<PullGraftRequest> =
        http::receive(body, SMALL_REQUEST_BYTES_MAX).await?;
    let call = PullCall::try_from(message).map_err(invalid_message)?;
    let changes = match state.volumes.changes(call).await {
        Ok(changes) => changes,
        // The idle poll goes without the texts that a span would need.
        Err(error @ Error::NothingNewer { .. }) => return Err(error.into()),
        Err(error) => {
            http::note_volume(&call.vid);
            return Err(error.into());
        }
    };
    let (start, end) = (changes.start, changes.snapshot.lsn);
    http::note_volume(&call.vid);
    http::note_lsn(end);
    let graft = changes.pages.encode();
    if graft.len() > RESPONSE_BYTES_MAX - ANSWER_BYTES_MAX {
        return Err(Error::AnswerTooLarge { vid: call.vid, start, end, fits: None }.into());
    }
    let answer = PullGraftResponse {
        snapshot: Some(encode::snapshot(&changes.snapshot)),
        range: Some(range_to_wire(start, end)),
        graft,
    };
    Ok(http::respond(&request, &answer).await)
}
