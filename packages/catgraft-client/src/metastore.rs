//! The metastore's calls: those of the Graft v1 protocol, and those that only a pagestore makes.

use catgraft_proto::{
    catgraft::internal::v1::{
        ReadLogRequest, ReadLogResponse, ReadSegmentsRequest, ReadSegmentsResponse, RegisterSegmentsRequest,
        RegisterSegmentsResponse,
    },
    graft::metastore::v1::{
        CommitRequest, CommitResponse, PullCommitsRequest, PullCommitsResponse, PullGraftRequest, PullGraftResponse,
        SnapshotRequest, SnapshotResponse,
    },
};

use crate::{Endpoint, Error};

/// Asks a metastore. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MetastoreClient(Endpoint);

impl MetastoreClient {
    /// The metastore at this endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    /// The address, for messages.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// The snapshot of a volume at an LSN or at its head.
    pub async fn snapshot(&self, request: &SnapshotRequest) -> Result<SnapshotResponse, Error> {
        self.0.call("/metastore/v1/snapshot", request).await
    }

    /// The pages that changed in a range.
    pub async fn pull_graft(&self, request: &PullGraftRequest) -> Result<PullGraftResponse, Error> {
        self.0.call("/metastore/v1/pull_graft", request).await
    }

    /// The commits of a range.
    pub async fn pull_commits(&self, request: &PullCommitsRequest) -> Result<PullCommitsResponse, Error> {
        self.0.call("/metastore/v1/pull_commits", request).await
    }

    /// Commits a transaction. Trying again is safe: the metastore knows a retry by its client and content.
    pub async fn commit(&self, request: &CommitRequest) -> Result<CommitResponse, Error> {
        self.0.call("/metastore/v1/commit", request).await
    }

    /// Announces segments that are being uploaded. Trying again is safe: a row is written once.
    pub async fn register_segments(&self, request: &RegisterSegmentsRequest) -> Result<(), Error> {
        let RegisterSegmentsResponse {} = self.0.call("/metastore/internal/v1/register_segments", request).await?;
        Ok(())
    }

    /// The commits of a volume after an LSN, as many as fit one answer.
    pub async fn read_log(&self, request: &ReadLogRequest) -> Result<ReadLogResponse, Error> {
        self.0.call("/metastore/internal/v1/read_log", request).await
    }

    /// What the catalog knows of these segments.
    pub async fn read_segments(&self, request: &ReadSegmentsRequest) -> Result<ReadSegmentsResponse, Error> {
        self.0.call("/metastore/internal/v1/read_segments", request).await
    }
}
