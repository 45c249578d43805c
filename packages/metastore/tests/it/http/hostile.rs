//! Logs of any length and ranges of any numbers: what is read at a time and what is answered is bounded, and counted here.

use catgraft_core::limits::RESPONSE_BYTES_MAX;
use catgraft_proto::{
    catgraft::internal::v1::{ReadLogRequest, ReadLogResponse},
    graft::{
        common::v1::{GraftErrCode, LsnRange, SegmentInfo},
        metastore::v1::{
            CommitRequest, CommitResponse, PullCommitsRequest, PullCommitsResponse, PullGraftRequest, PullGraftResponse,
        },
    },
};
use metastore::{
    CatalogConfig, Config, Deps,
    catalog::{self, CommitsWanted, Connections, Location},
};
use prost::Message;
use sqlx::{Connection, Executor, SqliteConnection};
use tempfile::TempDir;

use super::{REGISTER, open_server, register_request};
use crate::{
    server::{Server, commit_request},
    values::{NOW, commit_of, must_commit, pages, segment, sid, vid},
};

/// Commits that a client can make in some minutes: five pages of the log.
const COMMITS: u64 = 100_000;

fn id(number: u8) -> bytes::Bytes {
    vid(number).as_bytes().to_vec().into()
}

fn range(start: u64, end: u64) -> Option<LsnRange> {
    Some(LsnRange { inclusive_start: start, inclusive_end: Some(end) })
}

/// A volume of many tiny commits, all of pages 1 and 4000.
async fn endless_volume() -> (TempDir, Location) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let location = Location::sqlite(&path);
    catalog::migrate(&location, false).await.unwrap();
    let catalog = catalog::open(&location, Connections::default()).await.unwrap();
    catalog.segments_register(vec![segment(1, &[(vid(1), pages([1, 4000]))])], NOW).await.unwrap();
    must_commit(&catalog, commit_of(vid(1), None, 1, [1, 4000])).await;
    catalog.close().await;
    let mut beside = SqliteConnection::connect(&path.display().to_string()).await.unwrap();
    let repeated = format!(
        "WITH RECURSIVE n(lsn) AS (SELECT 2 UNION ALL SELECT lsn + 1 FROM n WHERE lsn < {COMMITS})
         INSERT INTO volume_commit (vid, lsn, cid, page_count, committed_at, segments)
         SELECT vid, n.lsn, cid, page_count, committed_at, segments FROM n, volume_commit WHERE volume_commit.lsn = 1"
    );
    beside.execute(sqlx::AssertSqlSafe(repeated)).await.unwrap();
    beside.execute(sqlx::AssertSqlSafe(format!("UPDATE volume SET head_lsn = {COMMITS}"))).await.unwrap();
    beside.close().await.unwrap();
    (folder, location)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_an_end_is_told_in_bounded_answers() {
    let (_folder, location) = endless_volume().await;
    let default = Config::default();
    let catalog = CatalogConfig { location: Some(location), ..default.catalog.clone() };
    let server = Server::start(Config { catalog, ..default }, Deps::default()).await;
    // A pagestore reads it page by page.
    let (mut after_lsn, mut answers) = (0, 0);
    while after_lsn < COMMITS {
        let answer = server
            .post("/metastore/internal/v1/read_log", &ReadLogRequest { vid: id(1), after_lsn, commits_max: 0 })
            .await;
        let log: ReadLogResponse = answer.message();
        assert!(log.commits.len() <= CommitsWanted::COMMITS_MAX as usize, "{} commits", log.commits.len());
        assert!(log.encoded_len() <= RESPONSE_BYTES_MAX, "{} bytes", log.encoded_len());
        after_lsn = log.commits.last().unwrap().lsn;
        answers += 1;
    }
    assert_eq!((after_lsn, answers), (COMMITS, COMMITS.div_ceil(CommitsWanted::COMMITS_MAX.into())));
    // What changed is one small set, however long it took.
    for start in [1, COMMITS / 2 + 3] {
        let pull = PullGraftRequest { vid: id(1), range: range(start, u64::MAX) };
        let pulled: PullGraftResponse = server.post("/metastore/v1/pull_graft", &pull).await.message();
        assert_eq!(pulled.graft, pages([1, 4000]).encode());
        assert_eq!(pulled.range, range(start, COMMITS));
    }
    let memory = server.metric("catgraft_changes_memory_bytes").await;
    assert!(memory <= 16 * 1024 * 1024, "{memory} bytes");
    // Its commits do not fit one answer, and the refusal says what does.
    let whole = PullCommitsRequest { vid: id(1), range: range(1, u64::MAX) };
    let told = server.post("/metastore/v1/pull_commits", &whole).await.must_fail(400, GraftErrCode::Client);
    let fits: u64 = told.split("up to LSN ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let part = PullCommitsRequest { vid: id(1), range: range(1, fits) };
    let pulled: PullCommitsResponse = server.post("/metastore/v1/pull_commits", &part).await.message();
    assert_eq!(pulled.commits.len() as u64, fits);
    assert!(pulled.encoded_len() <= RESPONSE_BYTES_MAX);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_any_numbers_cost_what_the_volume_has() {
    let server = open_server().await;
    for base in [None, Some(1), Some(2)] {
        server.post("/metastore/v1/commit", &commit_request(vid(1), base)).await.must_succeed();
    }
    for (start, end) in [(1, u64::MAX), (3, u64::MAX), (1, 1 << 63), (2, (1 << 63) - 1), (3, 4)] {
        let pulled: PullGraftResponse = server
            .post("/metastore/v1/pull_graft", &PullGraftRequest { vid: id(1), range: range(start, end) })
            .await
            .message();
        assert_eq!(pulled.range, range(start, 3), "{start} to {end}");
        let pulled: PullCommitsResponse = server
            .post("/metastore/v1/pull_commits", &PullCommitsRequest { vid: id(1), range: range(start, end) })
            .await
            .message();
        assert_eq!(pulled.commits.len() as u64, 4 - start, "{start} to {end}");
    }
    for start in [4, 1 << 63, u64::MAX] {
        let pull = PullGraftRequest { vid: id(1), range: range(start, u64::MAX) };
        server.post("/metastore/v1/pull_graft", &pull).await.must_fail(404, GraftErrCode::SnapshotMissing);
    }
    for after_lsn in [3, 1 << 63, u64::MAX - 1, u64::MAX] {
        let answer = server
            .post("/metastore/internal/v1/read_log", &ReadLogRequest { vid: id(1), after_lsn, commits_max: 0 })
            .await;
        let log: ReadLogResponse = answer.message();
        assert_eq!((log.head_lsn, log.commits.len()), (3, 0), "after {after_lsn}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_count_of_all_pages_is_a_number_like_any_other() {
    let server = open_server().await;
    server.post(REGISTER, &register_request(1, vid(1), &pages([u32::MAX]))).await.must_succeed();
    let segments = vec![SegmentInfo { sid: sid(1).as_bytes().to_vec().into(), graft: pages([u32::MAX]).encode() }];
    let commit = CommitRequest { page_count: u32::MAX, segments, ..commit_request(vid(1), None) };
    let committed: CommitResponse = server.post("/metastore/v1/commit", &commit).await.message();
    assert_eq!(committed.snapshot.unwrap().page_count, u32::MAX);
    let pull = PullGraftRequest { vid: id(1), range: None };
    let pulled: PullGraftResponse = server.post("/metastore/v1/pull_graft", &pull).await.message();
    assert_eq!(pulled.graft, pages([u32::MAX]).encode());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_built_to_expand_are_refused_before_they_do() {
    let server = open_server().await;
    // A million empty fields: two bytes each, and many times that once they are decoded.
    let empty = |tag: u8| [tag, 0].repeat(1_000_000);
    let rows = |field: Vec<u8>| {
        let mut out = Vec::new();
        prost::encoding::bytes::encode(1, &field, &mut out);
        out
    };
    for (call, body) in [
        ("/metastore/v1/commit", empty(0x2a)),
        ("/metastore/internal/v1/read_segments", empty(0x0a)),
        ("/metastore/internal/v1/remove_orphans", empty(0x12)),
        (REGISTER, empty(0x0a)),
        (REGISTER, rows(empty(0x32))),
    ] {
        let answer = server.post_bytes(call, body, "application/x-protobuf").await;
        let told = answer.must_fail(400, GraftErrCode::Client);
        assert!(told.contains("too many fields"), "{call}: {told}");
    }
    server.stop().await;
}
