//! Both services in this process, and clients of them.

use std::{net::TcpListener, sync::Arc, time::Duration};

use bytes::Bytes;
use catgraft_client::{Endpoint, MetastoreClient, PagestoreClient, Retry};
use catgraft_core::{ClientId, IdSource, Lsn, PageCount, PageIndex, PageSet, RandomIds, Timestamp, VolumeId};
use catgraft_objects::{MemoryStore, ObjectStore};
use catgraft_proto::graft::{
    common::v1::SegmentInfo,
    metastore::v1::CommitRequest,
    pagestore::v1::{PageAtIdx, ReadPagesRequest, WritePagesRequest},
};
use catgraft_service::settings;
use catgraft_testkit::model::page_content;
use pagestore::config::{Daemon, SETTINGS, Settings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Services that run until they are dropped.
pub(crate) struct House {
    pub(crate) metastore_url: String,
    pub(crate) pagestore_url: String,
    pub(crate) metastore_stop: CancellationToken,
    pub(crate) pagestore_stop: CancellationToken,
    pub(crate) metastore: Option<JoinHandle<()>>,
    pub(crate) pagestore: Option<JoinHandle<()>>,
}

impl Drop for House {
    fn drop(&mut self) {
        self.metastore_stop.cancel();
        self.pagestore_stop.cancel();
    }
}

pub(crate) fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A pagestore of this metastore over this store: its address, and the task that it runs in.
pub(crate) async fn start_pagestore(
    metastore_url: &str,
    objects: Arc<dyn ObjectStore>,
    given: &[(&str, &str)],
    stop: CancellationToken,
) -> (String, JoinHandle<()>) {
    let (listener, url) = listener();
    let mut settings = vec![("metastore", metastore_url)];
    settings.extend(given);
    let daemon = settings::with_defaults::<Settings, Daemon>(&SETTINGS, &settings, Daemon::try_from).unwrap();
    let pagestore = pagestore::build(daemon.pagestore, pagestore::Deps::new(objects)).await.unwrap();
    (url, tokio::spawn(async move { pagestore.run(listener, stop).await.unwrap() }))
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::with_store(Arc::new(MemoryStore::new()), &[]).await
    }

    /// Services over this store; `given` are settings of the pagestore.
    pub(crate) async fn with_store(objects: Arc<dyn ObjectStore>, given: &[(&str, &str)]) -> Self {
        let (metastore_listener, metastore_url) = listener();
        let metastore_stop = CancellationToken::new();
        let metastore = metastore::build(metastore::Config::default(), metastore::Deps::default()).await.unwrap();
        let stop = metastore_stop.clone();
        let metastore = tokio::spawn(async move { metastore.run(metastore_listener, stop).await.unwrap() });

        let pagestore_stop = CancellationToken::new();
        let (pagestore_url, pagestore) = start_pagestore(&metastore_url, objects, given, pagestore_stop.clone()).await;
        Self {
            metastore_url,
            pagestore_url,
            metastore_stop,
            pagestore_stop,
            metastore: Some(metastore),
            pagestore: Some(pagestore),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.metastore_url, &self.pagestore_url, Retry::NEVER)
    }
}

/// What a Graft client does, without SQLite.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) cid: ClientId,
    pub(crate) metastore: MetastoreClient,
    pub(crate) pagestore: PagestoreClient,
}

pub(crate) fn new_vid() -> VolumeId {
    RandomIds.volume_id(Timestamp::from_millis(1))
}

pub(crate) fn wire(id: &[u8; 16]) -> Bytes {
    Bytes::copy_from_slice(id)
}

pub(crate) fn pages_of(indexes: &[u32]) -> PageSet {
    indexes.iter().filter_map(|index| PageIndex::new(*index)).collect()
}

impl Client {
    pub(crate) fn new(metastore_url: &str, pagestore_url: &str, retry: Retry) -> Self {
        let endpoint = |url: &str| Endpoint::new(url, None, Duration::from_secs(60), retry).unwrap();
        Self {
            cid: RandomIds.client_id(Timestamp::from_millis(1)),
            metastore: MetastoreClient::new(endpoint(metastore_url)),
            pagestore: PagestoreClient::new(endpoint(pagestore_url)),
        }
    }

    /// Stores pages, by the seeds of their contents.
    pub(crate) async fn write(
        &self,
        vid: VolumeId,
        pages: impl IntoIterator<Item = (PageIndex, u64)>,
    ) -> Result<Vec<SegmentInfo>, catgraft_client::Error> {
        let pages = pages.into_iter().map(|(index, seed)| PageAtIdx { pageidx: index.get(), data: page_content(seed) });
        let request = WritePagesRequest { vid: wire(vid.as_bytes()), pages: pages.collect() };
        Ok(self.pagestore.write_pages(&request).await?.segments)
    }

    /// Commits what was stored on a base.
    pub(crate) async fn commit(
        &self,
        vid: VolumeId,
        base: Option<Lsn>,
        page_count: PageCount,
        segments: Vec<SegmentInfo>,
    ) -> Result<Lsn, catgraft_client::Error> {
        let request = CommitRequest {
            vid: wire(vid.as_bytes()),
            cid: wire(self.cid.as_bytes()),
            snapshot_lsn: base.map(Lsn::get),
            page_count: page_count.get(),
            segments,
        };
        let snapshot = self.metastore.commit(&request).await?.snapshot.expect("a commit's answer has its snapshot");
        Ok(Lsn::new(snapshot.lsn).expect("LSNs count from 1"))
    }

    /// Reads pages at an LSN.
    pub(crate) async fn read(
        &self,
        vid: VolumeId,
        lsn: Lsn,
        pages: &PageSet,
    ) -> Result<Vec<(PageIndex, Bytes)>, catgraft_client::Error> {
        let request = ReadPagesRequest { vid: wire(vid.as_bytes()), lsn: lsn.get(), graft: pages.encode() };
        let answer = self.pagestore.read_pages(&request).await?;
        Ok(answer.pages.into_iter().map(|page| (PageIndex::new(page.pageidx).unwrap(), page.data)).collect())
    }
}
