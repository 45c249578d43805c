//! Segments that no commit names: the task of one or several pagestores removes them, with grace, and nothing else.
//!
//! The clock of all services is the test's. Rounds are made without pause, and what they do is waited for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use catgraft_client::{Error, Retry};
use catgraft_core::{Clock, IdSource, PageCount, PageIndex, RandomIds, SegmentId, SystemClock, Timestamp, VolumeId};
use catgraft_objects::{FsStore, KeyPrefix, MemoryStore, ObjectKey, ObjectStore, Payload};
use catgraft_proto::{
    catgraft::internal::v1::{ReadSegmentsRequest, RegisterSegmentsRequest, SegmentRow},
    graft::common::v1::{GraftErrCode, SegmentInfo},
};
use catgraft_service::settings;
use catgraft_testkit::{faulty::Faulty, model::page_content, s3::S3Double};
use metastore::catalog::{Catalog, Memory, SegmentChange};
use pagestore::config::{Daemon, SETTINGS, Settings};
use tokio_util::sync::CancellationToken;

use crate::support::{Client, listener, new_vid, pages_of, wire};

/// A clock that the test moves.
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A clock that leaps by more than an upload may take, whenever it is asked.
struct LeapingClock(TestClock);

impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.0.fetch_add(31 * 60 * 1000, Ordering::SeqCst))
    }
}

/// A metastore, pagestores over one store, and their clock.
struct World {
    clock: Arc<TestClock>,
    objects: Arc<dyn ObjectStore>,
    metastore_url: String,
    pagestores: Vec<String>,
    stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl World {
    async fn new(objects: Arc<dyn ObjectStore>, pagestores: usize) -> Self {
        Self::with_catalog(objects, None, pagestores).await
    }

    /// None is an embedded catalog, which goes with the world.
    async fn with_catalog(objects: Arc<dyn ObjectStore>, catalog: Option<Arc<dyn Catalog>>, pagestores: usize) -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(SystemClock.now().as_millis())));
        let stop = CancellationToken::new();
        let deps = metastore::Deps { clock: clock.clone(), catalog, ..metastore::Deps::default() };
        let metastore = metastore::build(metastore::Config::default(), deps).await.unwrap();
        let (metastore_listener, metastore_url) = listener();
        tokio::spawn(metastore.run(metastore_listener, stop.clone()));
        let mut world = Self { clock: clock.clone(), objects, metastore_url, pagestores: Vec::new(), stop };
        for _ in 0..pagestores {
            world.start_pagestore(clock.clone(), &[("orphans.interval", "5ms")]).await;
        }
        world
    }

    async fn start_pagestore(&mut self, clock: Arc<dyn Clock>, given: &[(&str, &str)]) {
        let settings = [&[("metastore", self.metastore_url.as_str())], given].concat();
        let daemon = settings::with_defaults::<Settings, Daemon>(&SETTINGS, &settings, Daemon::try_from).unwrap();
        let deps = pagestore::Deps { clock, ..pagestore::Deps::new(self.objects.clone()) };
        let pagestore = pagestore::build(daemon.pagestore, deps).await.unwrap();
        let (listener, url) = listener();
        tokio::spawn(pagestore.run(listener, self.stop.clone()));
        self.pagestores.push(url);
    }

    fn client(&self) -> Client {
        Client::new(&self.metastore_url, &self.pagestores[0], Retry::NEVER)
    }

    fn pass_hours(&self, hours: u64) {
        self.clock.0.fetch_add(hours * 3_600_000, Ordering::SeqCst);
    }

    /// A counter, added up over the pagestores.
    async fn metric(&self, name: &str) -> u64 {
        let mut sum = 0;
        for url in &self.pagestores {
            let text = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
            sum += line.trim().parse::<u64>().unwrap();
        }
        sum
    }

    async fn until_metric(&self, name: &str, least: u64) {
        while self.metric(name).await < least {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until every pagestore has made a round that began after this.
    async fn until_rounds(&self) {
        for url in &self.pagestores {
            let listed = || async {
                let text = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
                let line = text
                    .lines()
                    .find_map(|line| line.strip_prefix("catgraft_objectstore_requests_total{verb=\"list\"} "));
                line.expect("requests are counted").parse::<u64>().unwrap()
            };
            // A listing is in the middle of a round: after three more, one round has begun and ended.
            let before = listed().await;
            while listed().await < before + 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    async fn push(&self, vid: VolumeId, seed: u64) -> Vec<SegmentInfo> {
        self.client().write(vid, [(PageIndex::FIRST, seed)]).await.unwrap()
    }

    /// An object of now that no row knows.
    async fn put_stray(&self) -> SegmentId {
        let sid = RandomIds.segment_id(self.clock.now());
        let payload = Payload::from(Bytes::from_static(b"the upload of a pagestore that died"));
        self.objects.put(&ObjectKey::segment(sid), payload).await.unwrap();
        sid
    }

    /// A row of now whose object never came.
    async fn register_without_object(&self) -> SegmentId {
        let sid = RandomIds.segment_id(self.clock.now());
        let row = SegmentRow {
            sid: wire(sid.as_bytes()),
            byte_len: 5000,
            index_offset: 4096,
            index_len: 100,
            index_hash: vec![7; 32].into(),
            volumes: Vec::new(),
        };
        self.client().metastore.register_segments(&RegisterSegmentsRequest { segments: vec![row] }).await.unwrap();
        sid
    }

    async fn objects(&self) -> Vec<SegmentId> {
        let listed = self.objects.list(KeyPrefix::SEGMENTS, None, 1000).await.unwrap();
        let mut sids: Vec<SegmentId> = listed.iter().filter_map(|object| object.key.as_segment()).collect();
        sids.sort_unstable();
        sids
    }

    async fn rows(&self, sids: &[SegmentId]) -> usize {
        let sids = sids.iter().map(|sid| wire(sid.as_bytes())).collect();
        self.client().metastore.read_segments(&ReadSegmentsRequest { sids }).await.unwrap().segments.len()
    }
}

fn sid_of(segments: &[SegmentInfo]) -> SegmentId {
    SegmentId::try_from(segments[0].sid.as_ref()).unwrap()
}

fn sorted(mut sids: Vec<SegmentId>) -> Vec<SegmentId> {
    sids.sort_unstable();
    sids
}

/// Two pagestores at once remove what is to be removed from this store.
async fn orphans_go_and_what_is_named_stays(objects: Arc<dyn ObjectStore>) {
    let world = World::new(objects, 2).await;
    let (client, vid) = (world.client(), new_vid());
    let first = world.push(vid, 1).await;
    let named = sid_of(&first);
    let lsn = client.commit(vid, None, PageCount::new(1), first).await.unwrap();
    let never_committed = world.push(vid, 2).await;
    let (uncommitted, stray) = (sid_of(&never_committed), world.put_stray().await);
    let never_came = world.register_without_object().await;
    let late = world.push(vid, 3).await;

    // Nothing is done for the grace period, and whoever commits within it is in time.
    world.pass_hours(23);
    world.until_rounds().await;
    assert_eq!(world.metric("catgraft_orphans_found_total ").await, 0);
    let in_time = sid_of(&late);
    let second = client.commit(vid, Some(lsn), PageCount::new(1), late).await.unwrap();

    // Then commits may not name them any more, and for another grace period nothing is removed.
    world.pass_hours(2);
    world.until_metric("catgraft_orphans_found_total ", 3).await;
    match client.commit(vid, Some(second), PageCount::new(1), never_committed).await {
        Err(Error::Refused { status: 400, code: GraftErrCode::Client, message, .. }) => {
            assert_eq!(message, format!("segment {uncommitted} does not exist"));
        }
        other => panic!("not refused: {other:?}"),
    }
    world.pass_hours(23);
    world.until_rounds().await;
    assert_eq!(world.objects().await, sorted(vec![named, uncommitted, stray, in_time]));
    assert_eq!(world.metric("catgraft_orphans_removed_total ").await, 0);

    // A pagestore was killed after it had removed the object, and before it removed the row.
    world.objects.delete(&ObjectKey::segment(uncommitted)).await.unwrap();
    world.pass_hours(1);
    world.until_metric("catgraft_orphans_removed_total ", 3).await;
    assert_eq!(world.objects().await, sorted(vec![named, in_time]));
    assert_eq!(world.rows(&[uncommitted, stray, never_came]).await, 0);
    assert_eq!(world.rows(&[named, in_time]).await, 2);
    world.until_rounds().await;
    assert_eq!(world.metric("catgraft_orphans_found_total ").await, 3, "nothing is found twice");
    assert_eq!(world.metric("catgraft_orphans_removed_total ").await, 3);
    assert!(world.metric("catgraft_orphans_removed_bytes_total ").await > 5000);

    let other = Client::new(&world.metastore_url, &world.pagestores[1], Retry::NEVER);
    for (lsn, seed) in [(lsn, 1), (second, 3)] {
        assert_eq!(other.read(vid, lsn, &pages_of(&[1])).await.unwrap(), [(PageIndex::FIRST, page_content(seed))]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pagestores_remove_orphans_from_a_folder_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    orphans_go_and_what_is_named_stays(Arc::new(FsStore::open(folder.path()).await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pagestores_remove_orphans_from_a_bucket_and_nothing_else() {
    let double = S3Double::start().await;
    orphans_go_and_what_is_named_stays(Arc::new(double.store("volumes").await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_removed_keeps_its_row_until_it_can() {
    let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new()), 1));
    let world = World::new(store.clone(), 1).await;
    let orphan = sid_of(&world.push(new_vid(), 1).await);
    world.pass_hours(26);
    world.until_metric("catgraft_orphans_found_total ", 1).await;
    store.fail_deletes(u64::MAX);
    world.pass_hours(25);
    while store.faults() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.until_rounds().await;
    assert_eq!((world.objects().await, world.rows(&[orphan]).await), (vec![orphan], 1));
    assert_eq!(world.metric("catgraft_orphans_removed_total ").await, 0);
    store.fail_deletes(0);
    world.until_metric("catgraft_orphans_removed_total ", 1).await;
    assert_eq!((world.objects().await, world.rows(&[orphan]).await), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_object_of_a_named_segment_that_lost_its_row_is_kept() {
    let catalog = Arc::new(Memory::new());
    let world = World::with_catalog(Arc::new(MemoryStore::new()), Some(catalog.clone()), 1).await;
    let (client, vid) = (world.client(), new_vid());
    let (mut head, mut named) = (None, Vec::new());
    for seed in 1..=3 {
        let segments = world.push(vid, seed).await;
        named.push(sid_of(&segments));
        head = Some(client.commit(vid, head, PageCount::new(1), segments).await.unwrap());
    }
    let (stray, now) = (world.put_stray().await, world.clock.now());
    let sids = vec![named[1]];
    catalog.segments_change(SegmentChange::Doom { sids: sids.clone(), at: now }).await.unwrap();
    assert_eq!(catalog.segments_change(SegmentChange::Remove { sids, until: now }).await.unwrap(), 1);
    for _ in 0..2 {
        world.pass_hours(25);
        world.until_rounds().await;
    }
    world.until_metric("catgraft_orphans_removed_total ", 1).await;
    assert_eq!(world.objects().await, sorted(named), "and not {stray}");
    assert_eq!(world.metric("catgraft_orphans_found_total ").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_does_not_know_the_store_removes_nothing() {
    let world = World::new(Arc::new(MemoryStore::new()), 1).await;
    let (client, vid) = (world.client(), new_vid());
    let segments = world.push(vid, 1).await;
    client.commit(vid, None, PageCount::new(1), segments).await.unwrap();
    // Objects of another catalog, or of commits that a restored dump does not have.
    world.put_stray().await;
    world.put_stray().await;
    for _ in 0..3 {
        world.pass_hours(25);
        world.until_rounds().await;
    }
    assert_eq!(world.metric("catgraft_orphans_found_total ").await, 0);
    assert_eq!(world.objects().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_took_too_long_is_not_acknowledged() {
    let mut world = World::new(Arc::new(MemoryStore::new()), 0).await;
    let leaping = LeapingClock(TestClock(AtomicU64::new(world.clock.now().as_millis())));
    world.start_pagestore(Arc::new(leaping), &[("orphans.interval", "0s")]).await;
    match world.client().write(new_vid(), [(PageIndex::FIRST, 1)]).await {
        Err(Error::Refused { status: 503, code: GraftErrCode::ServiceUnavailable, message, .. }) => {
            assert_eq!(message, "the push took too long; push again");
        }
        other => panic!("acknowledged: {other:?}"),
    }
}

#[test]
fn the_settings_of_orphans_are_checked() {
    let with = |given: &[(&str, &str)]| settings::with_defaults::<Settings, Daemon>(&SETTINGS, given, Daemon::try_from);
    let config = with(&[]).unwrap().pagestore;
    assert_eq!(config.orphans_interval, Some(Duration::from_secs(6 * 3600)));
    assert_eq!(config.orphans_grace, Duration::from_secs(24 * 3600));
    assert_eq!(with(&[("orphans.interval", "0s")]).unwrap().pagestore.orphans_interval, None);
    let error = with(&[("orphans.grace", "59m")]).unwrap_err().to_string();
    assert!(error.contains("orphans.grace") && error.contains("59m is below 1h"), "{error}");
}
