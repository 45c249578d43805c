//! The one middleware: what happens to every request before and after its handler.
//!
//! Order: request id and span, known call and method, token, role, request headers, handler (a panic becomes 500),
//! protobuf whatever was answered, one log line for an error, one more for who wants to see every request, metrics.

use std::{panic::AssertUnwindSafe, rc::Rc, time::Instant};

use actix_web::{
    Error, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap},
    },
    middleware::Next,
    web::Data,
};
use catgraft_core::{Lsn, VolumeId};
use futures::FutureExt;
use tracing::{Instrument, Span, field};

use super::{
    Auth, Call, PROTOBUF, PROTOCOL_PREFIXES,
    connection::Conduct,
    request_id::{self, RequestId},
    server::Shared,
    status_pages,
};
use crate::{
    error::{ApiError, Chain, ErrorKind},
    metrics::{Histogram, Metrics},
};

/// Longest part of a foreign path that is repeated to the client.
const PATH_SHOWN_MAX: usize = 100;
/// The label of requests for calls that do not exist.
const NO_CALL: &str = "none";
/// The log target of the line that every request ends with: `log.level = "info,requests=debug"` shows these lines and
/// no other detail. They are not shown by default, as a busy service would drown its own journal.
const REQUESTS: &str = "requests";

/// A call with what is known of it before any request.
pub(super) struct CallInfo {
    call: Call,
    seconds: Histogram,
}

impl CallInfo {
    pub(super) fn new(call: Call, metrics: &Metrics) -> Self {
        Self { call, seconds: metrics.request_seconds(call.name()) }
    }
}

/// Names the volume that the present request is about, in its span and so in every log line of it. Costs a text of
/// the id where the span is logged, so paths that must be fast call it when there is something to tell.
pub fn note_volume(id: &VolumeId) {
    Span::current().record("volume_id", field::display(id));
}

/// Names the LSN that the present request is about, like [`note_volume`].
pub fn note_lsn(lsn: Lsn) {
    Span::current().record("lsn", lsn.get());
}

pub(super) async fn guard<B>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<BoxBody>, Error>
where
    B: MessageBody + 'static,
{
    // Until this returns, the handler keeps the time, and the connection does not.
    let _serving = request.conn_data::<Rc<Conduct>>().map(Conduct::serve);
    if status_pages::PATHS.contains(&request.path()) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    // The router decodes what is percent-encoded, and this does not: whatever is not known here letter by letter goes no further.
    if !PROTOCOL_PREFIXES.iter().any(|prefix| request.path().starts_with(prefix)) {
        return Ok(request.into_response(status_pages::not_found()));
    }
    let started = Instant::now();
    let shared = request.app_data::<Data<Shared>>().cloned().expect("serve puts it there");
    let id = shared.request_ids.of(request.headers());
    let info = shared.calls.iter().find(|info| info.call.path == request.path());
    let name = info.map_or(NO_CALL, |info| info.call.name());
    let span = tracing::info_span!(
        "request",
        call = name,
        request_id = %id,
        volume_id = field::Empty,
        lsn = field::Empty
    );
    let answered = answer(&shared, info, request, next).instrument(span.clone()).await;
    let _entered = span.enter();
    let (status, answered) = settle(answered, &id);
    let elapsed = started.elapsed();
    tracing::debug!(target: REQUESTS, status = status.as_u16(), "{name}: {} in {elapsed:.1?}", status.as_u16());
    shared.metrics.requests().with_label_values(&[name, status.as_str()]).inc();
    if let Some(info) = info {
        info.seconds.observe(elapsed.as_secs_f64());
    }
    answered
}

/// The handler's answer, or the refusal before it. A panic is an error here: its request is gone with it.
async fn answer<B>(
    shared: &Shared,
    info: Option<&CallInfo>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error>
where
    B: MessageBody + 'static,
{
    if let Err(refusal) = admit(shared, info, &request) {
        return Ok(request.error_response(refusal));
    }
    match AssertUnwindSafe(async { next.call(request).await }).catch_unwind().await {
        Ok(answered) => answered.map(ServiceResponse::map_into_boxed_body),
        Err(panic) => {
            let error = ApiError::internal("this request met a bug of the server").with_source(panic_text(&*panic));
            Err(error.into())
        }
    }
}

/// May this request go to its handler?
fn admit(shared: &Shared, info: Option<&CallInfo>, request: &ServiceRequest) -> Result<(), ApiError> {
    let call = match info {
        Some(info) if request.method() == Method::POST => info.call,
        _ => return Err(no_such_call(shared, request)),
    };
    if let Auth::Required(key) = &shared.auth {
        let token = bearer_token(request.headers())?;
        let claims = key
            .validate(token, shared.clock.now())
            .map_err(|error| ApiError::unauthorized(format!("the token is not valid: {error}")))?;
        if call.role.is_some() && call.role != claims.role {
            return Err(ApiError::forbidden("the token does not permit this call"));
        }
    }
    check_body_headers(request.headers())
}

fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| {
        ApiError::unauthorized("this service asks for a token: send it as \"Authorization: Bearer <token>\"")
    })?;
    value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| ApiError::unauthorized("the Authorization header is not \"Bearer <token>\""))
}

/// A protobuf body, and not a compressed one: a small body must not unfold into a large one.
fn check_body_headers(headers: &HeaderMap) -> Result<(), ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = content_type.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case(PROTOBUF) {
        return Err(ApiError::invalid(format!("the Content-Type of a request must be {PROTOBUF}")));
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(ApiError::invalid("a request body must not be compressed"))
        }
        _ => Ok(()),
    }
}

fn no_such_call(shared: &Shared, request: &ServiceRequest) -> ApiError {
    let path: String = request.path().chars().take(PATH_SHOWN_MAX).collect();
    let calls: Vec<_> = shared.calls.iter().map(|info| info.call.path).collect();
    ApiError::invalid(format!("there is no {} {path}; there is POST on {}", request.method(), calls.join(", ")))
}

/// Makes whatever was answered an answer of the protocol, and tells the log if it is an error.
fn settle(
    answered: Result<ServiceResponse<BoxBody>, Error>,
    id: &RequestId,
) -> (StatusCode, Result<ServiceResponse<BoxBody>, Error>) {
    let mut response = match answered {
        Ok(response) if response.status().is_success() => response,
        Ok(response) => match response.response().error().and_then(|error| error.as_error::<ApiError>()) {
            Some(error) => {
                log(error);
                response
            }
            None => {
                let error = foreign(response.status(), response.response().error());
                log(&error);
                response.into_response(HttpResponse::from_error(error))
            }
        },
        Err(error) => {
            let own = error.as_error::<ApiError>();
            let foreign = own.is_none().then(|| foreign(error.as_response_error().status_code(), Some(&error)));
            let api_error = own.or(foreign.as_ref()).expect("one of the two");
            log(api_error);
            let status = api_error.status_code();
            let mut response = api_error.error_response();
            response.headers_mut().insert(request_id::HEADER, id.header_value());
            return (status, Err(actix_web::error::InternalError::from_response("answered", response).into()));
        }
    };
    response.headers_mut().insert(request_id::HEADER, id.header_value());
    (response.status(), Ok(response))
}

/// An error that is not ours (of an extractor, of the router) as one of ours.
fn foreign(status: StatusCode, error: Option<&Error>) -> ApiError {
    let source = error.map_or_else(|| status.to_string(), |error| error.to_string());
    if status.is_client_error() {
        ApiError::invalid("the server cannot take this request").with_source(source)
    } else {
        ApiError::internal("the server cannot answer this request").with_source(source)
    }
}

/// The one line that an error gets, inside the span of its request.
fn log(error: &ApiError) {
    match error.kind() {
        ErrorKind::Invalid
        | ErrorKind::Unauthorized
        | ErrorKind::Forbidden
        | ErrorKind::Missing
        | ErrorKind::Conflict
        // Beyond capacity, a line each would be one load more; they are counted by status.
        | ErrorKind::Busy => tracing::debug!(kind = ?error.kind(), "refused: {}", Chain(error)),
        ErrorKind::Unavailable => tracing::warn!(kind = ?error.kind(), "unavailable: {}", Chain(error)),
        ErrorKind::Internal => tracing::error!(kind = ?error.kind(), "failed: {}", Chain(error)),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a text"))
}
