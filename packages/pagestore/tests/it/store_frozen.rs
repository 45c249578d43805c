//! A store that stands still, as a process that was stopped: it takes connections and nothing else. Whoever asks for
//! nothing of it is answered as always. Nothing here is timed: what waits for the store is still waiting at the end.

use std::{sync::Arc, time::Duration};

use catgraft_client::{Error, Retry};
use catgraft_core::{Lsn, PageCount, PageIndex, PageSet, VolumeId};
use catgraft_objects::S3Config;
use catgraft_proto::graft::{common::v1::LsnRange, metastore::v1::PullGraftRequest};
use catgraft_testkit::{model::page_content, s3::S3Double};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Client, House, new_vid, pages_of, start_pagestore, wire};

/// Services over a bucket, and a pagestore with nothing in its caches.
pub(crate) struct World {
    pub(crate) double: S3Double,
    pub(crate) house: House,
    pub(crate) client: Client,
    pub(crate) url: String,
    stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl World {
    pub(crate) async fn new(settings: &[(&str, &str)]) -> Self {
        let double = S3Double::start().await;
        // The store is patient, so that whoever waits for it waits until it thaws.
        let config = S3Config { stall_timeout: Duration::from_secs(3600), ..double.config("") };
        let objects = Arc::new(double.store_with(&config).await);
        let house = House::with_store(objects.clone(), &[]).await;
        let stop = CancellationToken::new();
        let (url, _) = start_pagestore(&house.metastore_url, objects, settings, stop.clone()).await;
        let client = Client::new(&house.metastore_url, &url, Retry::NEVER);
        Self { double, house, client, url, stop }
    }

    /// A volume of so many pages that the pagestore with cold caches has not seen.
    pub(crate) async fn volume(&self, pages: u32) -> (VolumeId, Lsn) {
        let (vid, writer) = (new_vid(), self.house.client());
        let contents = (1..=pages).map(|page| (PageIndex::new(page).unwrap(), u64::from(page)));
        let segments = writer.write(vid, contents).await.unwrap();
        let lsn = writer.commit(vid, None, PageCount::new(pages), segments).await.unwrap();
        (vid, lsn)
    }

    /// Reads that were asked of the store.
    async fn gets(&self) -> u64 {
        let text = reqwest::get(format!("{}/metrics", self.url)).await.unwrap().text().await.unwrap();
        let name = "catgraft_objectstore_requests_total{verb=\"get\"} ";
        let count = text.lines().find_map(|line| line.strip_prefix(name)).expect("requests are counted");
        count.parse().unwrap()
    }

    pub(crate) fn freeze(&self, frozen: bool) {
        self.double.switch(|switches| switches.frozen = frozen);
    }

    pub(crate) fn start_read(&self, (vid, lsn): (VolumeId, Lsn), pages: u32) -> JoinHandle<usize> {
        let client = self.client.clone();
        let all: PageSet = (1..=pages).filter_map(PageIndex::new).collect();
        tokio::spawn(async move { client.read(vid, lsn, &all).await.unwrap().len() })
    }

    /// Everything that needs nothing of the store.
    pub(crate) async fn is_as_always(&self, (vid, lsn): (VolumeId, Lsn)) {
        for path in ["health", "metrics"] {
            for url in [&self.url, &self.house.metastore_url] {
                assert_eq!(reqwest::get(format!("{url}/{path}")).await.unwrap().status(), 200, "{url}/{path}");
            }
        }
        let past_head = LsnRange { inclusive_start: lsn.get() + 1, inclusive_end: None };
        let poll = PullGraftRequest { vid: wire(vid.as_bytes()), range: Some(past_head) };
        let idle = self.client.metastore.pull_graft(&poll).await;
        assert!(matches!(idle, Err(Error::Refused { status: 404, .. })), "a poll has no news: {idle:?}");
        let read = self.client.read(vid, lsn, &pages_of(&[1])).await.unwrap();
        assert_eq!(read, [(PageIndex::FIRST, page_content(1))]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_nothing_of_a_frozen_store_is_answered_as_always() {
    let world = World::new(&[]).await;
    let (cached, cold) = (world.volume(1).await, world.volume(10).await);
    world.is_as_always(cached).await;
    world.freeze(true);
    let (read, push) = (world.start_read(cold, 10), {
        let (client, vid) = (world.client.clone(), new_vid());
        tokio::spawn(async move { client.write(vid, [(PageIndex::FIRST, 7)]).await.unwrap().len() })
    });
    for _ in 0..20 {
        world.is_as_always(cached).await;
    }
    assert!(!read.is_finished() && !push.is_finished(), "they wait for the store");
    // What it says may be a second old.
    let ready = loop {
        let ready = reqwest::get(format!("{}/ready", world.url)).await.unwrap();
        if ready.status() == 503 {
            break ready.text().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(ready.contains("objectstore: unavailable"), "{ready}");
    world.is_as_always(cached).await;
    assert!(!read.is_finished() && !push.is_finished(), "they wait for the store");
    world.freeze(false);
    assert_eq!((read.await.unwrap(), push.await.unwrap()), (10, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_who_wait_for_a_frozen_store_take_no_room_from_those_who_do_not() {
    // Room for 1365 pages, and readers of four times as many.
    let world = World::new(&[("read.memory", "16 MiB"), ("http.max_wait", "1h")]).await;
    let (cached, cold) = (world.volume(1).await, world.volume(1000).await);
    world.is_as_always(cached).await;
    world.freeze(true);
    let before = world.gets().await;
    let reads: Vec<_> = (0..6).map(|_| world.start_read(cold, 1000)).collect();
    // One of them has come as far as the store.
    while world.gets().await == before {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        world.is_as_always(cached).await;
    }
    assert!(reads.iter().all(|read| !read.is_finished()), "they wait for the store");
    world.freeze(false);
    for read in reads {
        assert_eq!(read.await.unwrap(), 1000);
    }
}
