//! Outward errors: what a client is told, and with which code and status.
//!
//! One exhaustive table maps a kind to the protocol's code and the HTTP status. The message goes to the client and so
//! carries ids and numbers but nothing of our inside; the source stays here and is logged once, where the error is
//! answered (by the middleware of [`crate::http`]).

#[cfg(test)]
mod tests;

use std::{error::Error, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use catgraft_proto::graft::common::v1::{GraftErr, GraftErrCode};
use prost::Message;

use crate::http::PROTOBUF;

/// What a client can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is malformed or refused; sending it again will not help.
    Invalid,
    /// There is no token, or it is not good.
    Unauthorized,
    /// The token is good and does not permit this call.
    Forbidden,
    /// There is no such volume or LSN, or nothing newer.
    Missing,
    /// The commit lost the race.
    Conflict,
    /// A bug of ours.
    Internal,
    /// The database, the object storage or the other service is away; sending it again later helps.
    Unavailable,
    /// There is more to do than the settings let in at a time; sending it again in a moment helps.
    Busy,
}

impl ErrorKind {
    /// Every kind, for tests and tables.
    pub const ALL: [ErrorKind; 8] = [
        ErrorKind::Invalid,
        ErrorKind::Unauthorized,
        ErrorKind::Forbidden,
        ErrorKind::Missing,
        ErrorKind::Conflict,
        ErrorKind::Internal,
        ErrorKind::Unavailable,
        ErrorKind::Busy,
    ];

    /// The code and the HTTP status that the protocol gives this kind.
    pub const fn outward(self) -> (GraftErrCode, StatusCode) {
        match self {
            ErrorKind::Invalid => (GraftErrCode::Client, StatusCode::BAD_REQUEST),
            ErrorKind::Unauthorized => (GraftErrCode::Unauthorized, StatusCode::UNAUTHORIZED),
            ErrorKind::Forbidden => (GraftErrCode::Unauthorized, StatusCode::FORBIDDEN),
            ErrorKind::Missing => (GraftErrCode::SnapshotMissing, StatusCode::NOT_FOUND),
            ErrorKind::Conflict => (GraftErrCode::CommitRejected, StatusCode::CONFLICT),
            ErrorKind::Internal => (GraftErrCode::Server, StatusCode::INTERNAL_SERVER_ERROR),
            ErrorKind::Unavailable | ErrorKind::Busy => {
                (GraftErrCode::ServiceUnavailable, StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }
}

type Source = Box<dyn Error + Send + Sync + 'static>;

/// An error as it is answered to a client. Its Display is the message that the client reads.
#[derive(Debug)]
pub struct ApiError {
    kind: ErrorKind,
    message: String,
    source: Option<Source>,
}

impl ApiError {
    /// An error of this kind; the message is for the client.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// 400: the request is malformed or refused.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// 401: no token, or not a good one.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unauthorized, message)
    }

    /// 403: the token does not permit this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, message)
    }

    /// 404: no such volume or LSN, or nothing newer.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Missing, message)
    }

    /// 409: the commit lost the race.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// 500: a bug of ours. The source is logged at ERROR; the message must not tell how we are built.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// 503: something that we need is away. The answer asks the client to come back in a second.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// 503: there is more to do than is let in at a time. The answer asks the client to come back in a second.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Busy, message)
    }

    /// The same error with its cause, which is logged and never sent.
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the client can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the client is told.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.kind.outward().1
    }

    fn error_response(&self) -> HttpResponse {
        let (code, status) = self.kind.outward();
        let body = GraftErr { code: code.into(), message: self.message.clone() }.encode_to_vec();
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CONTENT_TYPE, PROTOBUF));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        response.body(body)
    }
}

/// An error with all its causes on one line, outermost first: `no answer: connection refused: os error 111`.
/// For logs and for the last words of a process.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
