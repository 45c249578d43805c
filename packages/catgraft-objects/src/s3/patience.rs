//! How long an attempt waits: not for a whole request, but for the next sign that it gets on.
//!
//! A request that carries much over a slow line may take minutes, and one to a store that froze must end soon; so what
//! has a limit is each step: the next 64 KiB of the request's body to be taken by the connection, the first byte of the
//! answer, the next 64 KiB of the answer's body. (What the machine still holds of a body that the connection took is
//! about two round trips, and counts as waiting for the answer.)
//!
//! The body of the answer is read here, inside of the attempt: one that stalls, breaks off, or is not the whole of what
//! it says it is, is a failed attempt like any other, and repeated like any other.

#[cfg(test)]
mod tests;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    time::Duration,
};

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::{
    connector_metadata::ConnectorMetadata,
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use bytes::BytesMut;
use http_body::Body;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    answer::{AnswerError, Extent, Head},
    progress::{Taken, watched},
};

/// A step of a body.
pub(super) const STEP_BYTES: usize = 64 * 1024;
/// Memory is not reserved beyond this on the word of the store; a body may still be longer.
const RESERVED_MAX: u64 = 16 * 1024 * 1024;

/// The store did not get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Stalled {
    #[error("the store took no more of the request for {0:?}")]
    Request(Duration),
    #[error("the store began no answer for {0:?}")]
    Answer(Duration),
    #[error("the store sent less than 64 KiB of its answer in {0:?}")]
    Body(Duration),
}

/// A client whose attempts end when they do not get on for so long.
#[derive(Debug)]
pub(super) struct PatientClient {
    pub(super) inner: SharedHttpClient,
    pub(super) stall_timeout: Duration,
}

#[derive(Debug)]
struct PatientConnector {
    inner: SharedHttpConnector,
    stall_timeout: Duration,
}

impl HttpClient for PatientClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(PatientConnector { inner, stall_timeout: self.stall_timeout })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

impl HttpConnector for PatientConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let stall_timeout = self.stall_timeout;
        let range = request.headers().get("range").map(str::to_owned);
        let is_head = request.method() == "HEAD";
        let (body, taken) = watched(request.take_body());
        *request.body_mut() = body;
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = head_of(answer, taken, stall_timeout).await?;
            // An answer to HEAD tells a length and has no body.
            if is_head { Ok(answer) } else { whole_of(answer, range.as_deref(), stall_timeout).await }
        })
    }
}

/// Waits for the head of the answer, as long as the request gets on.
async fn head_of(
    answer: impl Future<Output = Result<HttpResponse, ConnectorError>>,
    mut taken: watch::Receiver<Taken>,
    stall_timeout: Duration,
) -> Result<HttpResponse, ConnectorError> {
    let mut answer = pin!(answer);
    loop {
        let so_far = *taken.borrow_and_update();
        let deadline = Instant::now() + stall_timeout;
        let more = async {
            // Where the body is gone, only the answer or the deadline can come.
            if taken.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            more = timeout_at(deadline, more) => if more.is_err() {
                let stalled = match so_far {
                    Taken::Some => Stalled::Request(stall_timeout),
                    Taken::All => Stalled::Answer(stall_timeout),
                };
                return Err(ConnectorError::timeout(stalled.into()));
            },
        }
    }
}

/// The answer with its body in memory.
async fn whole_of(
    mut answer: HttpResponse,
    range: Option<&str>,
    stall_timeout: Duration,
) -> Result<HttpResponse, ConnectorError> {
    let headers = answer.headers();
    let head = Head {
        is_success: answer.status().is_success(),
        content_length: headers.get("content-length").and_then(|length| length.parse().ok()),
        content_range: headers.get("content-range"),
    };
    let extent = Extent::of(range, head).map_err(failed)?;
    let reserve = head.content_length.unwrap_or(0).min(extent.max).min(RESERVED_MAX) as usize;
    let mut body = answer.take_body();
    let mut read = BytesMut::with_capacity(reserve);
    let mut is_whole = false;
    while !is_whole {
        let (deadline, goal) = (Instant::now() + stall_timeout, read.len() + STEP_BYTES);
        while read.len() < goal {
            let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
            let frame = timeout_at(deadline, frame)
                .await
                .map_err(|_| ConnectorError::timeout(Stalled::Body(stall_timeout).into()))?;
            let Some(frame) = frame else {
                is_whole = true;
                break;
            };
            let frame = frame.map_err(ConnectorError::io)?;
            read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            if read.len() as u64 > extent.max {
                return Err(failed(AnswerError::TooLong(extent.max)));
            }
        }
    }
    extent.check(read.len() as u64).map_err(failed)?;
    *answer.body_mut() = SdkBody::from(read.freeze());
    Ok(answer)
}

/// Only what is incomplete may be whole the next time.
fn failed(error: AnswerError) -> ConnectorError {
    match error {
        AnswerError::Incomplete { .. } => ConnectorError::io(error.into()),
        _ => ConnectorError::other(error.into(), None),
    }
}
