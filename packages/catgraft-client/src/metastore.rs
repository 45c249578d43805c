//! The metastore's calls: those of the Graft v1 protocol, and those that only a pagestore makes.

use catgraft_proto::{
    catgraft::internal::v1::{
        AdoptOrphansRequest, AdoptOrphansResponse, ReadDueOrphansRequest, ReadDueOrphansResponse, ReadLogRequest,
        ReadLogResponse, ReadSegmentsRequest, ReadSegmentsResponse, RegisterSegmentsRequest, RegisterSegmentsResponse,
        RemoveOrphansRequest, RemoveOrphansResponse, SearchOrphansRequest, SearchOrphansResponse,
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

    /// One step of the search for segments that no commit names. Trying again goes on with it.
    pub async fn search_orphans(&self, request: &SearchOrphansRequest) -> Result<SearchOrphansResponse, Error> {
        self.0.call("/metastore/internal/v1/search_orphans", request).await
    }

    /// Tells of objects that the catalog does not know. Trying again is safe: a row is written once.
    pub async fn adopt_orphans(&self, request: &AdoptOrphansRequest) -> Result<AdoptOrphansResponse, Error> {
        self.0.call("/metastore/internal/v1/adopt_orphans", request).await
    }

    /// Orphans whose objects may be removed now.
    pub async fn read_due_orphans(&self, request: &ReadDueOrphansRequest) -> Result<ReadDueOrphansResponse, Error> {
        self.0.call("/metastore/internal/v1/read_due_orphans", request).await
    }

    /// Removes the rows of orphans whose objects are gone. Trying again is safe: what is gone is gone.
    pub async fn remove_orphans(&self, request: &RemoveOrphansRequest) -> Result<RemoveOrphansResponse, Error> {
        self.0.call("/metastore/internal/v1/remove_orphans", request).await
    }
}
