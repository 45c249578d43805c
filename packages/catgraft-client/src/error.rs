//! How a call can fail, from the asker's side.

use catgraft_proto::graft::common::v1::GraftErrCode;

use crate::TransportError;

/// A call that did not bring its answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service answered with an error of the protocol.
    #[error("{call}: the service answers {status} {code:?}: {message}")]
    Refused {
        /// Path of the call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// The protocol's code.
        code: GraftErrCode,
        /// The service's sentence.
        message: String,
    },
    /// No answer came: connecting, sending or receiving failed.
    #[error("{call}: no answer from {url}")]
    Transport {
        /// Path of the call.
        call: &'static str,
        /// The service's address.
        url: String,
        /// What failed.
        source: TransportError,
    },
    /// The answer leads to another address, and nobody went there: token and pages are for the one that was given.
    #[error("{call}: {url} answers {status}, a redirect, and none is followed: give the address that it leads to")]
    Redirected {
        /// Path of the call.
        call: &'static str,
        /// The service's address.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// An answer came that is not of the protocol.
    #[error(
        "{call}: {url} answers {status} with a body that is no message of the protocol; is this the right address?"
    )]
    NotProtocol {
        /// Path of the call.
        call: &'static str,
        /// The service's address.
        url: String,
        /// HTTP status.
        status: u16,
    },
}

impl Error {
    /// Is it a service that is away, and may be back later?
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Refused { code, .. } => *code == GraftErrCode::ServiceUnavailable,
            Self::Transport { .. } => true,
            Self::Redirected { .. } => false,
            Self::NotProtocol { status, .. } => matches!(status, 502..=504),
        }
    }

    /// Is the same call worth another attempt at once? A call that took all of its time is not: the caller waited for it.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Transport { source, .. } => !source.is_timeout,
            Self::Refused { .. } | Self::Redirected { .. } | Self::NotProtocol { .. } => self.is_temporary(),
        }
    }

    /// The protocol's code, where the service answered with one.
    pub fn code(&self) -> Option<GraftErrCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Transport { .. } | Self::Redirected { .. } | Self::NotProtocol { .. } => None,
        }
    }
}
