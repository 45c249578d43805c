//! Pulling what changed in ranges of many commits, which are read in blocks that are kept in memory.

use std::collections::HashMap;

use catgraft_core::{PageSet, limits::SEGMENT_PAGES_MAX};
use catgraft_proto::graft::{
    common::v1::{GraftErrCode, LsnRange},
    metastore::v1::{PullGraftRequest, PullGraftResponse},
};
use metastore::{
    CatalogConfig, Config, Deps,
    catalog::{self, Connections, Location},
};
use sqlx::{Connection, Executor, SqliteConnection};
use tempfile::TempDir;

use crate::{
    server::Server,
    values::{NOW, commit_of, must_commit, pages, segment, vid},
};

/// Two blocks of 1024 commits and some more.
const COMMITS: u64 = 2100;

/// A volume whose commit N changes page N and page 4000.
async fn long_volume() -> (TempDir, Location) {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::sqlite(folder.path().join("catalog.sqlite"));
    catalog::migrate(&location, false).await.unwrap();
    let catalog = catalog::open(&location, Connections::default()).await.unwrap();
    catalog.segments_register(vec![segment(1, &[(vid(1), pages(1..=4000))])], NOW).await.unwrap();
    for number in 1..=COMMITS {
        must_commit(&catalog, commit_of(vid(1), Some(number - 1).filter(|base| *base > 0), 1, [number as u32, 4000]))
            .await;
    }
    catalog.close().await;
    (folder, location)
}

async fn serve(location: &Location) -> Server {
    let default = Config::default();
    let catalog = CatalogConfig { location: Some(location.clone()), ..default.catalog.clone() };
    Server::start(Config { catalog, ..default }, Deps::default()).await
}

fn pull(start: u64, end: Option<u64>) -> PullGraftRequest {
    let range = Some(LsnRange { inclusive_start: start, inclusive_end: end });
    PullGraftRequest { vid: vid(1).as_bytes().to_vec().into(), range }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_range_tells_each_page_that_changed_in_it_and_no_other() {
    let (_folder, location) = long_volume().await;
    let server = serve(&location).await;
    let ranges =
        [(1, None), (1, Some(COMMITS)), (2, Some(2048)), (1000, Some(1100)), (1025, Some(2048)), (960, Some(1024))];
    // The second time, blocks come from memory.
    for (start, end) in ranges.into_iter().chain(ranges) {
        let answer: PullGraftResponse = server.post("/metastore/v1/pull_graft", &pull(start, end)).await.message();
        let end = end.unwrap_or(COMMITS);
        assert_eq!(answer.snapshot.as_ref().unwrap().lsn, end);
        assert_eq!(answer.range, Some(LsnRange { inclusive_start: start, inclusive_end: Some(end) }));
        let changed = PageSet::decode(&answer.graft, SEGMENT_PAGES_MAX).unwrap();
        assert_eq!(changed, pages((start as u32..=end as u32).chain([4000])), "{start} to {end}");
    }
    assert!(server.metric("catgraft_changes_memory_bytes").await > 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_read_once_and_a_damaged_one_is_an_error_each_time() {
    let (folder, location) = long_volume().await;
    let server = serve(&location).await;
    let path = folder.path().join("catalog.sqlite");
    let mut beside = SqliteConnection::connect(&path.display().to_string()).await.unwrap();
    // The first block and the ends of both ranges are whole, the second block has a hole in it.
    beside.execute("DELETE FROM volume_commit WHERE lsn = 1500").await.unwrap();
    let mut answers = HashMap::new();
    for _ in 0..2 {
        let refused = server.post("/metastore/v1/pull_graft", &pull(1, None)).await;
        *answers.entry(refused.must_fail(500, GraftErrCode::Server)).or_insert(0) += 1;
        let whole: PullGraftResponse = server.post("/metastore/v1/pull_graft", &pull(1, Some(1400))).await.message();
        assert_eq!(whole.snapshot.unwrap().lsn, 1400);
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    // What is known needs the catalog no more: only the ends of this range are read.
    beside.execute("DELETE FROM volume_commit WHERE lsn BETWEEN 70 AND 1000").await.unwrap();
    let known: PullGraftResponse = server.post("/metastore/v1/pull_graft", &pull(1, Some(1400))).await.message();
    let changed = PageSet::decode(&known.graft, SEGMENT_PAGES_MAX).unwrap();
    assert_eq!(changed, pages((1..=1400).chain([4000])));
    server.stop().await;
}
