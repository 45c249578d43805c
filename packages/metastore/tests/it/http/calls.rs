//! Calls that succeed, and what their answers say.

use bytes::Bytes;
use catgraft_core::{PageSet, limits::SEGMENT_PAGES_MAX};
use catgraft_proto::{
    catgraft::internal::v1::{
        LogCommit, ReadLogRequest, ReadLogResponse, ReadSegmentsRequest, ReadSegmentsResponse, SegmentList,
    },
    graft::{
        common::v1::{GraftErrCode, LsnRange, SegmentInfo},
        metastore::v1::{
            CommitRequest, CommitResponse, PullCommitsRequest, PullCommitsResponse, PullGraftRequest,
            PullGraftResponse, SnapshotRequest, SnapshotResponse,
        },
    },
};
use metastore::{CatalogConfig, Config, Deps, catalog::Location};
use prost::Message;
use sqlx::{Connection, Executor, SqliteConnection};

use super::{REGISTER, open_server, register_request};
use crate::{
    server::{Server, commit_request, poll_request},
    values::{pages, sid, vid},
};

fn vid_bytes(number: u8) -> Bytes {
    Bytes::copy_from_slice(vid(number).as_bytes())
}

fn taking(number: u8, pages: &PageSet) -> SegmentInfo {
    SegmentInfo { sid: Bytes::copy_from_slice(sid(number).as_bytes()), graft: pages.encode() }
}

fn range(start: u64, end: Option<u64>) -> Option<LsnRange> {
    Some(LsnRange { inclusive_start: start, inclusive_end: end })
}

/// Three commits: pages 1 to 4, then 3 and 9, then none.
async fn three_commits(server: &Server) {
    server.post(REGISTER, &register_request(1, vid(1), &pages(1..=9))).await.must_succeed();
    let commits = [(None, vec![1, 2, 3, 4]), (Some(1), vec![3, 9]), (Some(2), vec![])];
    for (base, numbers) in commits {
        let segments = if numbers.is_empty() { Vec::new() } else { vec![taking(1, &pages(numbers))] };
        let commit = CommitRequest { segments, ..commit_request(vid(1), base) };
        let answer: CommitResponse = server.post("/metastore/v1/commit", &commit).await.message();
        assert_eq!(answer.snapshot.unwrap().lsn, base.unwrap_or(0) + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_tells_everything_about_a_commit() {
    let server = open_server().await;
    let request = commit_request(vid(1), None);
    let committed: CommitResponse = server.post("/metastore/v1/commit", &request).await.message();
    let snapshot = committed.snapshot.unwrap();
    assert_eq!((&snapshot.vid, &snapshot.cid), (&request.vid, &request.cid));
    assert_eq!((snapshot.lsn, snapshot.checkpoint_lsn, snapshot.page_count), (1, 1, 1));
    assert!(snapshot.timestamp.unwrap().seconds > 1_700_000_000);
    for lsn in [None, Some(1)] {
        let request = SnapshotRequest { vid: vid_bytes(1), lsn };
        let answer: SnapshotResponse = server.post("/metastore/v1/snapshot", &request).await.message();
        assert_eq!(answer.snapshot.as_ref(), Some(&snapshot));
    }
    let retried: CommitResponse = server.post("/metastore/v1/commit", &request).await.message();
    assert_eq!(retried.snapshot, Some(snapshot));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pulled_graft_is_the_union_of_its_range() {
    let server = open_server().await;
    three_commits(&server).await;
    let pull = async |range: Option<LsnRange>| {
        let request = PullGraftRequest { vid: vid_bytes(1), range };
        let answer: PullGraftResponse = server.post("/metastore/v1/pull_graft", &request).await.message();
        let found = answer.range.unwrap();
        assert_eq!(answer.snapshot.unwrap().lsn, found.inclusive_end.unwrap());
        (found.inclusive_start, found.inclusive_end.unwrap(), PageSet::decode(&answer.graft, u64::MAX).unwrap())
    };
    let all = pages([1, 2, 3, 4, 9]);
    assert_eq!(pull(None).await, (1, 3, all.clone()));
    assert_eq!(pull(range(1, None)).await, (1, 3, all.clone()));
    assert_eq!(pull(range(1, Some(1))).await, (1, 1, pages(1..=4)));
    assert_eq!(pull(range(2, Some(2))).await, (2, 2, pages([3, 9])));
    assert_eq!(pull(range(3, Some(3))).await, (3, 3, pages([])));
    assert_eq!(pull(range(1, Some(u64::MAX))).await, (1, 3, all));
}

#[tokio::test(flavor = "multi_thread")]
async fn pulled_commits_come_in_order_with_their_segments() {
    let server = open_server().await;
    three_commits(&server).await;
    let request = PullCommitsRequest { vid: vid_bytes(1), range: range(1, Some(2)) };
    let answer: PullCommitsResponse = server.post("/metastore/v1/pull_commits", &request).await.message();
    let commits: Vec<_> =
        answer.commits.into_iter().map(|commit| (commit.snapshot.unwrap().lsn, commit.segments)).collect();
    assert_eq!(commits, [(1, vec![taking(1, &pages(1..=4))]), (2, vec![taking(1, &pages([3, 9]))])]);
    let request = PullCommitsRequest { vid: vid_bytes(1), range: None };
    let answer: PullCommitsResponse = server.post("/metastore/v1/pull_commits", &request).await.message();
    assert_eq!(answer.commits.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_do_not_fit_an_answer_are_refused_with_the_range_that_fits() {
    let server = open_server().await;
    // As scattered as pages of a segment can be, so that few commits make many bytes.
    let scattered = pages((1..=SEGMENT_PAGES_MAX as u32).map(|number| number * 1000));
    server.post(REGISTER, &register_request(1, vid(1), &scattered)).await.must_succeed();
    let each = scattered.encode().len();
    let count = 8 * 1024 * 1024 / each as u64 + 1;
    for number in 0..count {
        let base = (number > 0).then_some(number);
        let commit = CommitRequest { segments: vec![taking(1, &scattered)], ..commit_request(vid(1), base) };
        server.post("/metastore/v1/commit", &commit).await.must_succeed();
    }
    let pull = async |end| {
        let request = PullCommitsRequest { vid: vid_bytes(1), range: range(1, end) };
        server.post("/metastore/v1/pull_commits", &request).await
    };
    let sentence = pull(None).await.must_fail(400, GraftErrCode::Client);
    let fits: u64 = sentence.rsplit("up to LSN ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
    let answer: PullCommitsResponse = pull(Some(fits)).await.message();
    assert_eq!(answer.commits.len() as u64, fits);
    pull(Some(fits + 1)).await.must_fail(400, GraftErrCode::Client);
    // The union is small, however many commits there are.
    let graft: PullGraftResponse = server.post("/metastore/v1/pull_graft", &poll_request(vid(1), 1)).await.message();
    assert_eq!(PageSet::decode(&graft.graft, u64::MAX).unwrap(), scattered);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pagestore_reads_the_log_and_the_segments() {
    let server = open_server().await;
    three_commits(&server).await;
    let read = async |number, after_lsn| -> ReadLogResponse {
        let request = ReadLogRequest { vid: vid_bytes(number), after_lsn, commits_max: 0 };
        server.post("/metastore/internal/v1/read_log", &request).await.message()
    };
    let log = read(1, 1).await;
    let segments = |commit: &LogCommit| SegmentList::decode(commit.segments.clone()).unwrap().segments;
    let commits: Vec<_> = log.commits.iter().map(|commit| (commit.lsn, segments(commit))).collect();
    assert_eq!(log.head_lsn, 3);
    assert_eq!(commits, [(2, vec![taking(1, &pages([3, 9]))]), (3, vec![])]);
    assert_eq!(read(1, 0).await.commits.len(), 3);
    for after in [3, 4, u64::MAX] {
        assert_eq!(read(1, after).await, ReadLogResponse { head_lsn: 3, commits: Vec::new() });
    }
    assert_eq!(read(2, 0).await, ReadLogResponse::default());

    let sids = [1, 2].map(|number| Bytes::copy_from_slice(sid(number).as_bytes())).to_vec();
    let answer: ReadSegmentsResponse =
        server.post("/metastore/internal/v1/read_segments", &ReadSegmentsRequest { sids }).await.message();
    let mut expected = register_request(1, vid(1), &pages(1..=9)).segments;
    expected[0].volumes.clear();
    assert_eq!(answer.segments, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_poll_is_answered_without_the_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let default = Config::default();
    let catalog = CatalogConfig { location: Some(Location::sqlite(&path)), ..default.catalog.clone() };
    let server = Server::start(Config { catalog, ..default }, Deps::default()).await;
    server.post("/metastore/v1/commit", &commit_request(vid(1), None)).await.must_succeed();
    // Whoever asks the catalog now finds no volume.
    let mut beside = SqliteConnection::connect(&path.display().to_string()).await.unwrap();
    beside.execute("DELETE FROM volume").await.unwrap();
    for _ in 0..3 {
        let poll = server.post("/metastore/v1/pull_graft", &poll_request(vid(1), 2)).await;
        assert_eq!(poll.must_fail(404, GraftErrCode::SnapshotMissing), "nothing newer than the head");
    }
    assert_eq!(server.metric("catgraft_polls_from_memory_total").await, 3);
    let pull = server.post("/metastore/v1/pull_graft", &poll_request(vid(1), 1)).await;
    assert!(pull.must_fail(404, GraftErrCode::SnapshotMissing).contains("does not exist"));
    server.stop().await;
}
