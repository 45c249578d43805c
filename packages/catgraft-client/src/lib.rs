//! Typed calls to both services, with retry by error kind.
//!
//! The pagestore asks the metastore through it, and tools and benches ask both. It knows messages, not what
//! they are for: decisions belong to the caller.

mod endpoint;
mod error;
mod metastore;
mod pagestore;
mod retry;
#[cfg(test)]
mod tests;

pub use endpoint::{Endpoint, EndpointError, check_url};
pub use error::Error;
pub use metastore::MetastoreClient;
pub use pagestore::PagestoreClient;
pub use retry::Retry;
