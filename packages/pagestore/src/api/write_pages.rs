//! `write_pages`: decodes pages as they arrive, hands them over run by run, and answers when all are stored.
//!
//! A request of at most one run is decoded whole before any of it is handed over, so a bad one stores nothing. Of a
//! larger one, the runs before the bad page are stored already: nobody is told of them, and they are garbage.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use bytes::Buf;
use catgraft_proto::{SegmentPages, graft::pagestore::v1::WritePagesResponse};
use catgraft_service::{ApiError, http, room::Full};
use tokio::sync::oneshot;

use super::State;
use crate::ingest::{
    RequestNumber, Stored, UploadError,
    budget::{RUN_PAGES, Share},
    decoder::{DecodeError, Decoder, Run},
};

type Answer = oneshot::Receiver<Result<Stored, Arc<UploadError>>>;

pub(super) async fn handle(
    request: HttpRequest,
    mut body: http::Body,
    state: Data<State>,
) -> Result<HttpResponse, ApiError> {
    // As many as can be where the head does not announce them.
    let mut left = body.announced_len().unwrap_or(usize::MAX);
    let mut push = Push { number: state.next_request(), answers: Vec::new(), state: &state };
    let mut share = state.budget.first_share(left).await.map_err(busy)?;
    let mut decoder = Decoder::new(RUN_PAGES, left);
    while let Some(mut piece) = body.next_piece().await? {
        while !piece.is_empty() {
            let taken = decoder.feed(&piece).map_err(refuse)?;
            piece.advance(taken);
            left = left.saturating_sub(taken);
            if decoder.run_is_full() {
                push.hand_over(decoder.take_run(left).map_err(refuse)?, share);
                share = state.budget.next_share(left).await.map_err(busy)?;
            }
        }
    }
    let run = decoder.finish().map_err(refuse)?;
    http::note_volume(&run.vid);
    if !run.indexes.is_empty() {
        push.hand_over(run, share);
    }
    let segments = push.stored().await?;
    let segments = segments.iter().map(SegmentPages::to_wire).collect();
    Ok(http::respond(&request, &WritePagesResponse { segments }).await)
}

/// The runs of one request that are on their way.
struct Push<'a> {
    number: RequestNumber,
    answers: Vec<Answer>,
    state: &'a State,
}

impl Push<'_> {
    fn hand_over(&mut self, run: Run, share: Share) {
        self.answers.push(self.state.ingest.push(self.number, run, share));
    }

    /// Waits until everything is stored: the segments, and which of the request's pages each holds.
    async fn stored(self) -> Result<Vec<SegmentPages>, ApiError> {
        let mut segments: Vec<SegmentPages> = Vec::new();
        for answer in self.answers {
            let gone = |_| ApiError::unavailable("the push was given up; push again");
            let Stored { sid, pages } = answer.await.map_err(gone)?.map_err(upload_failed)?;
            match segments.iter_mut().rev().find(|segment| segment.sid == sid) {
                Some(segment) => segment.pages.union_with(&pages),
                None => segments.push(SegmentPages { sid, pages }),
            }
        }
        Ok(segments)
    }
}

/// There is no memory for another run: others are being stored, or the store is stuck.
fn busy(full: Full) -> ApiError {
    ApiError::busy("the pagestore is busy with other pushes; push again").with_source(full)
}

fn refuse(error: DecodeError) -> ApiError {
    ApiError::invalid(error.to_string())
}

/// No answer names the segment: only who is told of it by a push that is stored may ever name it.
fn upload_failed(error: Arc<UploadError>) -> ApiError {
    let failed = match &*error {
        UploadError::Store { source, .. } if source.is_retryable() => {
            ApiError::unavailable("the object store is away; push again")
        }
        UploadError::Register { source, .. } if source.is_retryable() => {
            ApiError::unavailable("the metastore is away; push again")
        }
        UploadError::Late { .. } => ApiError::unavailable("the push took too long; push again"),
        UploadError::Store { .. } => ApiError::internal("the object store refuses the pages"),
        UploadError::Register { .. } => ApiError::internal("the metastore refuses the segment of the pages"),
        UploadError::Build { .. } => ApiError::internal("the segment of the pages could not be built"),
    };
    failed.with_source(error)
}
