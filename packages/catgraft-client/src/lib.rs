//! Typed calls to both services, with retry by error kind.
//!
//! The pagestore asks the metastore through it, and tools and benches ask both. It knows messages, not what
//! they are for: decisions belong to the caller.

mod endpoint;
mod error;
mod http;
mod metastore;
mod pagestore;
mod retry;
#[cfg(test)]
mod tests;
mod transport;

pub use endpoint::{Endpoint, EndpointError, check_url};
pub use error::Error;
pub use metastore::MetastoreClient;
pub use pagestore::PagestoreClient;
pub use retry::Retry;
pub use transport::{Answer, Transport, TransportError};

/// A request body that is made while it is sent.
pub fn body_from_stream<S, E>(pieces: S) -> reqwest::Body
where
    S: futures::Stream<Item = Result<bytes::Bytes, E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    reqwest::Body::wrap_stream(pieces)
}
