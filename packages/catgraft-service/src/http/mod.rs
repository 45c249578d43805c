//! The HTTP scaffolding of both services: a server that answers protocol calls in protobuf whatever happens.
//!
//! A service declares its calls in a table of [`Call`]s and registers one handler for each. Around them lies the only
//! middleware of the house: request id, span, metrics, authentication and permission, request headers, panics, and the
//! logging of errors. Every answer under `/metastore/` and `/pagestore/` carries exactly [`PROTOBUF`]; `/health`,
//! `/ready` and `/metrics` are text and need no token.

mod body;
mod compression;
mod connection;
mod fields;
mod files;
pub mod in_process;
mod limits;
mod middleware;
mod pace;
mod pieces;
mod request_id;
mod respond;
mod server;
mod status_pages;
#[cfg(test)]
mod tests;

pub use body::{Body, Received, receive, receive_rows};
pub(crate) use limits::SETTINGS;
pub use limits::{HttpConfig, Limits};
pub use middleware::{note_lsn, note_volume};
pub use pace::Pace;
pub use pieces::Pieces;
pub use respond::{respond, respond_pieces};
pub(crate) use server::DRAIN_TIMEOUT;
pub use server::{Listener, Server, ServerOptions, post, serve};

use std::sync::Arc;

use crate::token::{Role, TokenKey};

/// The content type of every protocol request and answer.
pub const PROTOBUF: &str = "application/x-protobuf";

/// The path prefixes under which every answer is protobuf.
const PROTOCOL_PREFIXES: [&str; 2] = ["/metastore/", "/pagestore/"];

/// One protocol call: `POST` on a path.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    path: &'static str,
    role: Option<Role>,
}

impl Call {
    /// A call that every good token permits.
    pub const fn open(path: &'static str) -> Self {
        Self { path, role: None }
    }

    /// A call between the services: the token needs this role. Without authentication it is open like any other.
    pub const fn internal(path: &'static str, role: Role) -> Self {
        Self { path, role: Some(role) }
    }

    /// The whole path, as in `/metastore/v1/snapshot`.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The last part of the path, which names the call in metrics and logs.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

/// Who may call.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Everybody may call everything.
    Off,
    /// Every call needs a token made with this key.
    Required(Arc<TokenKey>),
}
