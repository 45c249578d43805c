//! `fsck`: every kind of finding on both catalogs, its exit codes, `--repair`, and a living system.

use std::{fs, path::PathBuf, sync::Arc};

use bytes::Bytes;
use catgraft_core::{
    Clock as _, IdSource as _, Lsn, PAGE_SIZE, PageCount, PageIndex, PageSet, RandomIds, SegmentId, SystemClock,
    Timestamp, VolumeId,
};
use catgraft_objects::{FsStore, KeyPrefix, ObjectKey, ObjectStore as _, Payload};
use catgraft_proto::{
    CommitCall, SegmentPages,
    graft::pagestore::v1::{PageAtIdx, WritePagesRequest},
};
use catgraft_segment::SegmentBuilder;
use catgraft_testkit::postgres::{TestDatabase, database};
use metastore::catalog::{self, Catalog, CommitOutcome, Connections, Location, SegmentChange, SegmentRow};
use serde_json::Value;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tempfile::TempDir;

use crate::support::{Dev, Ran, client, new_vid, wire};

/// A catalog and a store in which everything happened days ago.
struct World {
    folder: TempDir,
    url: Option<TestDatabase>,
    store: FsStore,
    vid: VolumeId,
    head: Option<Lsn>,
}

impl World {
    async fn new(url: Option<TestDatabase>) -> Self {
        let folder = TempDir::new().unwrap();
        let store = FsStore::open(&folder.path().join("objects")).await.unwrap();
        let vid = RandomIds.volume_id(days_ago(9));
        let world = Self { folder, url, store, vid, head: None };
        catalog::migrate(&world.location(), false).await.unwrap();
        world
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("catalog.sqlite")
    }

    fn location(&self) -> Location {
        match &self.url {
            Some(database) => Location::postgres(database.url()).unwrap(),
            None => Location::sqlite(self.path()),
        }
    }

    /// Works on the catalog; an embedded one is let go of afterwards.
    async fn with_catalog<T>(&self, work: impl AsyncFnOnce(&Arc<dyn Catalog>) -> T) -> T {
        let catalog = catalog::open(&self.location(), Connections::default()).await.unwrap();
        let done = work(&catalog).await;
        catalog.close().await;
        done
    }

    /// Runs `fsck` on both.
    async fn fsck(&self, more: &[&str]) -> Ran {
        let (here, path) = (self.folder.path(), self.path());
        let catalog = match &self.url {
            Some(database) => ["--url", database.url()],
            None => ["--path", path.to_str().unwrap()],
        };
        let arguments = [&["fsck", "--root", "objects"], catalog.as_slice(), more].concat();
        Ran::new(here, &arguments)
    }

    /// The kinds of findings and their segments, the summary, and the exit code.
    async fn findings(&self, more: &[&str]) -> (Vec<(String, Option<String>)>, Value, Option<i32>) {
        let ran = self.fsck(&[&["--json"], more].concat()).await;
        assert_eq!(ran.stderr, "", "{ran:?}");
        let mut lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let summary = lines.pop().unwrap();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let finding = |line: &Value| (text(&line["finding"]).unwrap(), text(&line["sid"]));
        (lines.iter().map(finding).collect(), summary, ran.code)
    }

    /// A segment of pages 1 and 2, registered and stored so many days ago.
    async fn segment(&self, days: u64) -> SegmentId {
        let sid = RandomIds.segment_id(days_ago(days));
        let mut builder = SegmentBuilder::new();
        let run = [1, 2].map(|index| PageIndex::new(index).unwrap());
        builder.push_run(self.vid, &run, Bytes::from(vec![9; 2 * PAGE_SIZE])).unwrap();
        let sealed = builder.finish();
        let row = SegmentRow {
            sid,
            byte_len: sealed.summary.byte_len,
            index_offset: sealed.summary.index_offset,
            index_len: sealed.summary.index_len,
            index_hash: sealed.summary.index_hash,
            volumes: sealed.volumes.clone(),
        };
        self.store.put(&ObjectKey::segment(sid), Payload::from(sealed.chunks)).await.unwrap();
        self.with_catalog(async |catalog| catalog.segments_register(vec![row], days_ago(days)).await.unwrap()).await;
        sid
    }

    async fn commit(&mut self, sid: SegmentId, pages: &[u32]) {
        let pages: PageSet = pages.iter().map(|index| PageIndex::new(*index).unwrap()).collect();
        let segments = vec![SegmentPages { sid, pages }];
        let call =
            CommitCall { vid: self.vid, cid: client(), base: self.head, page_count: PageCount::new(2), segments };
        let outcome = self.with_catalog(async |catalog| catalog.commit_append(call, days_ago(1)).await.unwrap()).await;
        let CommitOutcome::Committed(snapshot) = outcome else { panic!("{outcome:?}") };
        self.head = Some(snapshot.lsn);
    }

    /// A segment that a commit names.
    async fn committed(&mut self) -> SegmentId {
        let sid = self.segment(3).await;
        self.commit(sid, &[1, 2]).await;
        sid
    }

    /// Has a segment doomed so many days ago.
    async fn doom(&self, sid: SegmentId, days: u64) {
        let (sids, at) = (vec![sid], days_ago(days));
        self.with_catalog(async |catalog| {
            catalog.segments_change(SegmentChange::Pardon { sids: sids.clone() }).await.unwrap();
            assert_eq!(catalog.segments_change(SegmentChange::Doom { sids, at }).await.unwrap(), 1);
        })
        .await;
    }

    /// Removes the row of a segment, whoever names it.
    async fn forget(&self, sid: SegmentId) {
        self.doom(sid, 2).await;
        let remove = SegmentChange::Remove { sids: vec![sid], until: days_ago(1) };
        self.with_catalog(async |catalog| assert_eq!(catalog.segments_change(remove).await.unwrap(), 1)).await;
    }

    /// Has the catalog say something else of what a segment holds.
    async fn hold(&self, sid: SegmentId, vid: VolumeId, page: u32) {
        let row = self.with_catalog(async |catalog| catalog.segments_read(&[sid]).await.unwrap().remove(0)).await;
        self.forget(sid).await;
        let pages = PageIndex::new(page).into_iter().collect();
        let row = SegmentRow { volumes: vec![(vid, pages)], ..row };
        self.with_catalog(async |catalog| catalog.segments_register(vec![row], days_ago(3)).await.unwrap()).await;
    }

    /// Runs a statement beside the catalog, in words that both databases know.
    async fn tamper(&self, statement: &'static str) {
        match &self.url {
            Some(database) => drop(database.connect().await.execute(statement).await.unwrap()),
            None => {
                let mut connection = SqliteConnection::connect(self.path().to_str().unwrap()).await.unwrap();
                connection.execute(statement).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    async fn damage(&self, sid: SegmentId, at: usize) {
        let key = ObjectKey::segment(sid);
        let mut object = self.store.get(&key).await.unwrap().to_vec();
        object[at] ^= 1;
        self.store.put(&key, Payload::from(Bytes::from(object))).await.unwrap();
    }

    async fn objects(&self) -> usize {
        self.store.list(KeyPrefix::SEGMENTS, None, 100).await.unwrap().len()
    }
}

fn days_ago(days: u64) -> Timestamp {
    Timestamp::from_millis(SystemClock.now().as_millis() - days * 86_400_000)
}

fn finding(kind: &str, sid: SegmentId) -> (String, Option<String>) {
    (kind.to_owned(), Some(sid.to_string()))
}

macro_rules! on_both_catalogs {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(super::World::new(None).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(super::World::new(Some(super::database().await)).await).await;
            })*
        }
    };
}

on_both_catalogs! {
    where_nothing_is_wrong_it_says_so,
    what_is_missing_damaged_or_dangling_is_named_and_never_repaired,
    a_damaged_log_is_named_and_what_it_may_name_is_kept,
    orphans_are_named_and_only_they_are_removed,
}

async fn where_nothing_is_wrong_it_says_so(mut world: World) {
    let empty = world.fsck(&[]).await.ok();
    assert!(empty.contains("0 missing, damaged or dangling, 0 orphans."), "{empty}");
    world.committed().await;
    let first = world.committed().await;
    world.commit(first, &[1]).await;
    // On its way: pushed a moment ago, by its row or only by its object.
    world.segment(0).await;
    let key = ObjectKey::segment(RandomIds.segment_id(days_ago(0)));
    world.store.put(&key, Payload::from(Bytes::from_static(b"new"))).await.unwrap();
    let text = world.fsck(&["--pages"]).await.ok();
    assert_eq!(
        text,
        "Looked at 3 commits of 1 volume, 3 segments and 4 objects: 0 missing, damaged or dangling, 0 orphans.\n"
    );
}

async fn what_is_missing_damaged_or_dangling_is_named_and_never_repaired(mut world: World) {
    let missing = world.committed().await;
    world.store.delete(&ObjectKey::segment(missing)).await.unwrap();
    let short = world.committed().await;
    let key = ObjectKey::segment(short);
    let object = world.store.get(&key).await.unwrap();
    world.store.put(&key, Payload::from(object.slice(1..))).await.unwrap();
    let index = world.committed().await;
    world.damage(index, 2 * PAGE_SIZE + 3).await;
    let page = world.committed().await;
    world.damage(page, 7).await;
    let unknown = world.committed().await;
    world.forget(unknown).await;
    let (of_fewer, of_others) = (world.committed().await, world.committed().await);
    world.hold(of_fewer, world.vid, 1).await;
    world.hold(of_others, new_vid(world.folder.path()), 1).await;

    let (mut found, summary, code) = world.findings(&[]).await;
    found.sort();
    let mut expected = vec![
        finding("index_damaged", index),
        finding("object_length", short),
        finding("object_missing", missing),
        finding("pages_not_held", of_fewer),
        finding("pages_not_held", of_others),
        finding("segment_unknown", unknown),
    ];
    expected.sort();
    assert_eq!((&found, code), (&expected, Some(1)));
    assert_eq!((&summary["damaged"], &summary["orphans"], &summary["objects"]), (&6.into(), &0.into(), &6.into()));
    let (mut found, ..) = world.findings(&["--pages"]).await;
    expected.push(finding("page_damaged", page));
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "a page is only read when that is asked for");

    let text = world.fsck(&["--repair"]).await;
    assert_eq!(text.code, Some(1), "{text:?}");
    let line = format!("missing: segment {missing} is not in the store\n");
    assert!(text.stdout.contains(&line), "{text:?}");
    let (found, ..) = world.findings(&[]).await;
    assert_eq!(found.len(), 6, "losses stay losses: {found:?}");
    assert_eq!(world.objects().await, 6);
}

async fn a_damaged_log_is_named_and_what_it_may_name_is_kept(mut world: World) {
    for _ in 0..6 {
        world.committed().await;
    }
    let damages = async |world: &World, more: &[&str]| {
        let ran = world.fsck(more).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stdout.contains(" 0 orphans."), "{ran:?}");
        let log = format!("damaged: the log of volume {} at LSN ", world.vid);
        ran.stdout.lines().filter_map(|line| Some(line.strip_prefix(&log)?.to_owned())).collect::<Vec<_>>()
    };
    world.tamper("DELETE FROM volume_commit WHERE lsn IN (2, 6)").await;
    world.tamper("UPDATE volume_commit SET segments = substr(vid, 1, 3) WHERE lsn = 4").await;
    let found = damages(&world, &[]).await;
    assert!(
        matches!(&*found, [two, four, six] if two == "2: the commit is not there"
                     && four.starts_with("4: ") && six == "6: the commit is not there"),
        "{found:?}"
    );
    let ran = world.fsck(&["--repair"]).await;
    assert!(ran.stdout.contains("0 orphans to be removed from now on"), "{ran:?}");
    // A commit that cannot be read keeps those beside it from being read.
    world.tamper("UPDATE volume_commit SET committed_at = -1 WHERE lsn = 3").await;
    let found = damages(&world, &["--repair"]).await;
    assert!(matches!(&*found, [one] if one.starts_with("1: ")), "{found:?}");
    assert_eq!(world.objects().await, 6);
}

async fn orphans_are_named_and_only_they_are_removed(mut world: World) {
    let named = world.committed().await;
    let (uncommitted, young) = (world.segment(3).await, world.segment(0).await);
    let stray = RandomIds.segment_id(days_ago(3));
    let payload = Payload::from(Bytes::from_static(b"an upload without a row"));
    world.store.put(&ObjectKey::segment(stray), payload).await.unwrap();
    let never_came = world.segment(3).await;
    world.store.delete(&ObjectKey::segment(never_came)).await.unwrap();

    let (mut found, _, code) = world.findings(&[]).await;
    let mut expected = vec![
        finding("orphan_object", stray),
        finding("orphan_segment", uncommitted),
        finding("orphan_segment", never_came),
    ];
    found.sort();
    expected.sort();
    assert_eq!((found, code), (expected, Some(3)));
    let (found, ..) = world.findings(&["--grace", "96h"]).await;
    assert_eq!(found, [], "all of it is younger than four days");

    // The first repair dooms, and removes nothing yet.
    let (_, summary, code) = world.findings(&["--repair"]).await;
    assert_eq!((&summary["doomed"], &summary["removed"], code), (&3.into(), &0.into(), Some(3)));
    assert_eq!(world.objects().await, 4);
    let (found, summary, code) = world.findings(&["--repair"]).await;
    assert_eq!((found, &summary["pending"], &summary["removed"], code), (vec![], &3.into(), &0.into(), Some(0)));

    // A day later it removes them, but for one that a commit has taken meanwhile.
    for sid in [uncommitted, stray, never_came, named] {
        world.doom(sid, 2).await;
    }
    let (found, summary, code) = world.findings(&["--repair"]).await;
    assert_eq!((found, &summary["removed"], code), (vec![], &3.into(), Some(0)));
    assert_eq!(world.objects().await, 2);
    for sid in [named, young] {
        world.store.head(&ObjectKey::segment(sid)).await.unwrap();
    }
    let (found, summary, code) = world.findings(&["--pages"]).await;
    assert_eq!((found, &summary["pending"], &summary["segments"], code), (vec![], &0.into(), &2.into(), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_system_is_no_finding_and_its_catalog_is_not_taken() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let dev = Dev::start(&here.join("data"), &[]);
    let vid = new_vid(here);
    dev.push(vid, None, &[(1, 1), (2, 2)]).await;
    let page = PageAtIdx { pageidx: 1, data: vec![5; PAGE_SIZE].into() };
    dev.pagestore_client().write_pages(&WritePagesRequest { vid: wire(vid), pages: vec![page] }).await.unwrap();
    let arguments = ["fsck", "--path", "data/catalog.sqlite", "--root", "data/objects"];
    let text = Ran::new(here, &arguments).ok();
    assert!(text.starts_with("Looked at 1 commit of 1 volume, 2 segments and 2 objects: 0 missing"), "{text}");
    let line = Ran::new(here, &[&arguments[..], &["--repair"]].concat()).refusal();
    assert!(line.contains("is in use by another process"), "{line}");
    assert_eq!(dev.stop().code(), Some(0));
    Ran::new(here, &[&arguments[..], &["--repair"]].concat()).ok();
}

#[test]
fn what_it_cannot_work_on_is_named_and_not_made() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    fs::create_dir(here.join("objects")).unwrap();
    for more in [&[][..], &["--repair"]] {
        let arguments = [&["fsck", "--path", "none.sqlite", "--root", "objects"], more].concat();
        let line = Ran::new(here, &arguments).refusal();
        assert!(line.contains("none.sqlite"), "{line}");
    }
    assert!(!here.join("none.sqlite").exists());
    Ran::new(here, &["migrate", "--path", "c.sqlite"]).ok();
    let line = Ran::new(here, &["fsck", "--path", "c.sqlite"]).refusal();
    assert!(line.starts_with("no object store is named: give --root or --store-config"), "{line}");
    let short = Ran::new(here, &["fsck", "--path", "c.sqlite", "--root", "objects", "--grace", "59m"]);
    assert_eq!(short.code, Some(2));
    assert!(short.stderr.contains("it must be at least 3600 s"), "{short:?}");
}
