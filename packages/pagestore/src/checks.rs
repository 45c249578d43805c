//! What `/ready` asks: is the metastore there and does it know us, is the object store there.

use std::sync::Arc;

use async_trait::async_trait;
use catgraft_client::MetastoreClient;
use catgraft_objects::ObjectStore;
use catgraft_proto::catgraft::internal::v1::ReadSegmentsRequest;
use catgraft_service::{ReadinessCheck, error::Chain};

/// Asks the metastore for nothing, as a pagestore: tells that it is there and takes our token.
pub(crate) struct MetastoreCheck {
    pub(crate) metastore: MetastoreClient,
}

#[async_trait]
impl ReadinessCheck for MetastoreCheck {
    fn name(&self) -> &'static str {
        "metastore"
    }

    async fn check(&self) -> Result<(), String> {
        let asked = self.metastore.read_segments(&ReadSegmentsRequest::default()).await;
        asked.map(drop).map_err(|error| Chain(&error).to_string())
    }
}

/// Has a look at the object store.
pub(crate) struct ObjectStoreCheck {
    pub(crate) objects: Arc<dyn ObjectStore>,
}

#[async_trait]
impl ReadinessCheck for ObjectStoreCheck {
    fn name(&self) -> &'static str {
        "objectstore"
    }

    async fn check(&self) -> Result<(), String> {
        self.objects.probe().await.map_err(|error| Chain(&error).to_string())
    }
}
