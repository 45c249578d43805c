//! What went wrong while reading, in the outward kinds; and what can stop the service from starting or running.

use std::{io, net::SocketAddr, sync::Arc};

use catgraft_service::ApiError;

use crate::{
    cache::CacheError,
    index::IndexError,
    read::{FetchError, ReadError},
};

/// The pagestore could not start, or stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The metastore's address or the token can't be used.
    #[error("the metastore can't be asked")]
    Endpoint(#[from] catgraft_client::EndpointError),
    /// The object store can't be used.
    #[error("the object store can't be opened")]
    Objects(#[from] catgraft_objects::Error),
    /// The cache can't be opened.
    #[error("the cache can't be opened")]
    Cache(#[from] CacheError),
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What failed.
        source: io::Error,
    },
    /// The listener failed.
    #[error("the HTTP server failed")]
    Http(#[source] io::Error),
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Index(error) => index_failed(error),
            ReadError::Fetch(error) => fetch_failed(error),
            ReadError::Full(full) => {
                ApiError::busy("the pagestore is busy with other reads; read again").with_source(full)
            }
        }
    }
}

fn metastore_failed(error: &catgraft_client::Error) -> ApiError {
    if error.is_temporary() {
        ApiError::unavailable("the metastore is away; read again")
    } else {
        ApiError::internal("the metastore answers the pagestore with an error")
    }
}

fn index_failed(error: Arc<IndexError>) -> ApiError {
    let outward = match &*error {
        IndexError::Missing { vid, lsn } => ApiError::missing(format!("volume {vid} has no LSN {lsn}")),
        IndexError::Metastore { source, .. } => metastore_failed(source),
        IndexError::Log { vid, .. } | IndexError::Commit { vid, .. } => {
            ApiError::internal(format!("the commit log of volume {vid} can't be read"))
        }
        IndexError::File { vid, .. } => {
            ApiError::unavailable(format!("the index of volume {vid} can't be kept in a file; read again"))
        }
    };
    outward.with_source(error)
}

fn fetch_failed(error: FetchError) -> ApiError {
    let outward = match &error {
        FetchError::Metastore(source) => metastore_failed(source),
        FetchError::Objects { sid, source } if source.is_retryable() => {
            ApiError::unavailable(format!("segment {sid} can't be read: the object store is away; read again"))
        }
        FetchError::Objects { sid, .. } | FetchError::Unregistered { sid } | FetchError::NotHeld { sid, .. } => {
            ApiError::internal(format!("segment {sid} can't be read"))
        }
        FetchError::Damaged(damaged) => ApiError::internal(damaged.to_string()),
    };
    outward.with_source(error)
}
