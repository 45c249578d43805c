//! The pagestore's calls of the Graft v1 protocol.

use catgraft_proto::graft::pagestore::v1::{
    ReadPagesRequest, ReadPagesResponse, WritePagesRequest, WritePagesResponse,
};

use crate::{Endpoint, Error};

/// Asks a pagestore. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PagestoreClient(Endpoint);

impl PagestoreClient {
    /// The pagestore at this endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    /// Pages as they were at an LSN.
    pub async fn read_pages(&self, request: &ReadPagesRequest) -> Result<ReadPagesResponse, Error> {
        self.0.call("/pagestore/v1/read_pages", request).await
    }

    /// Stores pages. Trying again is safe: the pages are then stored twice and named once.
    pub async fn write_pages(&self, request: &WritePagesRequest) -> Result<WritePagesResponse, Error> {
        self.0.call("/pagestore/v1/write_pages", request).await
    }

    /// Stores pages whose encoded request is made while it is sent, for pushes larger than memory. Not
    /// tried again: the body is gone.
    pub async fn write_pages_streamed(&self, body: reqwest::Body) -> Result<WritePagesResponse, Error> {
        self.0.call_once("/pagestore/v1/write_pages", body).await
    }
}
