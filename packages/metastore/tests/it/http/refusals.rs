//! Each row of the protocol's errors, for each call that can answer it.

use bytes::Bytes;
use catgraft_proto::{
    catgraft::internal::v1::{
        AdoptOrphansRequest, Orphan, ReadDueOrphansRequest, ReadLogRequest, ReadSegmentsRequest,
        RegisterSegmentsRequest, RemoveOrphansRequest, SearchOrphansRequest,
    },
    graft::{
        common::v1::{GraftErrCode, LsnRange, SegmentInfo},
        metastore::v1::{CommitRequest, PullCommitsRequest, PullGraftRequest, SnapshotRequest},
    },
};
use metastore::{Config, Deps};

use super::{REGISTER, open_server, register_request};
use crate::{
    server::{Server, commit_request, poll_request},
    values::{cid, pages, sid, vid},
};

const SEARCH_ORPHANS: &str = "/metastore/internal/v1/search_orphans";
const ADOPT_ORPHANS: &str = "/metastore/internal/v1/adopt_orphans";
const READ_DUE_ORPHANS: &str = "/metastore/internal/v1/read_due_orphans";
const REMOVE_ORPHANS: &str = "/metastore/internal/v1/remove_orphans";

const CALLS: [&str; 11] = [
    "/metastore/v1/snapshot",
    "/metastore/v1/pull_graft",
    "/metastore/v1/pull_commits",
    "/metastore/v1/commit",
    REGISTER,
    "/metastore/internal/v1/read_log",
    "/metastore/internal/v1/read_segments",
    SEARCH_ORPHANS,
    ADOPT_ORPHANS,
    READ_DUE_ORPHANS,
    REMOVE_ORPHANS,
];

fn vid_bytes(number: u8) -> Bytes {
    Bytes::copy_from_slice(vid(number).as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_no_call_or_no_post_is_a_400() {
    let server = open_server().await;
    for call in CALLS {
        let garbage = server.post_bytes(call, b"\xff\xff\xff".to_vec(), "application/x-protobuf").await;
        garbage.must_fail(400, GraftErrCode::Client);
        let text = server.post_bytes(call, Vec::new(), "text/plain").await;
        text.must_fail(400, GraftErrCode::Client);
        server.get_call(call).await.must_fail(400, GraftErrCode::Client);
        let large = server.post_bytes(call, vec![0; 8 * 1024 * 1024], "application/x-protobuf").await;
        assert!(large.must_fail(400, GraftErrCode::Client).contains("larger than"));
    }
    let elsewhere = server.post_bytes("/metastore/v1/nothing", Vec::new(), "application/x-protobuf").await;
    elsewhere.must_fail(400, GraftErrCode::Client);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_orphans_and_a_grace_period_that_is_too_short_are_a_400() {
    let server = open_server().await;
    let refused = async |call: &str, message: &dyn Encode, part: &str| {
        let answer = server.post_bytes(call, message.bytes(), "application/x-protobuf").await;
        let sentence = answer.must_fail(400, GraftErrCode::Client);
        assert!(sentence.contains(part), "{call}: {sentence:?} does not name {part:?}");
    };
    let (short, grace_ms) = (3_599_999, 3_600_000);
    let part = "grace_ms: the grace period of orphans is 3599 s: it must be at least 3600 s";
    refused(SEARCH_ORPHANS, &SearchOrphansRequest { grace_ms: short }, part).await;
    refused(ADOPT_ORPHANS, &AdoptOrphansRequest { grace_ms: short, orphans: Vec::new() }, part).await;
    refused(READ_DUE_ORPHANS, &ReadDueOrphansRequest { grace_ms: short }, part).await;
    refused(REMOVE_ORPHANS, &RemoveOrphansRequest { grace_ms: short, sids: Vec::new() }, part).await;
    let bad = vid_bytes(1);
    refused(REMOVE_ORPHANS, &RemoveOrphansRequest { grace_ms, sids: vec![bad.clone()] }, "sid: a segment id").await;
    let orphan = Orphan { sid: bad, byte_len: 1, vids: Vec::new() };
    refused(ADOPT_ORPHANS, &AdoptOrphansRequest { grace_ms, orphans: vec![orphan] }, "sid: a segment id").await;
    let sid = Bytes::copy_from_slice(sid(1).as_bytes());
    let orphan = Orphan { sid: sid.clone(), byte_len: 1, vids: vec![sid] };
    refused(ADOPT_ORPHANS, &AdoptOrphansRequest { grace_ms, orphans: vec![orphan] }, "vids: a volume id").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_ids_lsns_ranges_and_grafts_are_a_400() {
    let server = open_server().await;
    let refused = async |call: &str, message: &dyn Encode, part: &str| {
        let answer = server.post_bytes(call, message.bytes(), "application/x-protobuf").await;
        let sentence = answer.must_fail(400, GraftErrCode::Client);
        assert!(sentence.contains(part), "{call}: {sentence:?} does not name {part:?}");
    };
    for bad in [Bytes::new(), Bytes::from_static(&[0x80; 15]), Bytes::copy_from_slice(sid(1).as_bytes())] {
        let vid = || bad.clone();
        refused("/metastore/v1/snapshot", &SnapshotRequest { vid: vid(), lsn: None }, "vid").await;
        refused("/metastore/v1/pull_graft", &PullGraftRequest { vid: vid(), range: None }, "vid").await;
        refused("/metastore/v1/pull_commits", &PullCommitsRequest { vid: vid(), range: None }, "vid").await;
        let commit = CommitRequest { vid: vid(), ..commit_request(crate::values::vid(1), None) };
        refused("/metastore/v1/commit", &commit, "vid").await;
        refused("/metastore/internal/v1/read_log", &ReadLogRequest { vid: vid(), after_lsn: 0, commits_max: 0 }, "vid")
            .await;
    }
    refused("/metastore/v1/snapshot", &SnapshotRequest { vid: vid_bytes(1), lsn: Some(0) }, "LSN 0").await;
    for (start, end, part) in [(0, None, "LSN 0"), (1, Some(0), "LSN 0"), (3, Some(2), "before its start")] {
        let range = Some(LsnRange { inclusive_start: start, inclusive_end: end });
        refused("/metastore/v1/pull_graft", &PullGraftRequest { vid: vid_bytes(1), range }, part).await;
        refused("/metastore/v1/pull_commits", &PullCommitsRequest { vid: vid_bytes(1), range }, part).await;
    }
    let of = |change: &dyn Fn(&mut CommitRequest)| {
        let mut request = commit_request(vid(1), None);
        change(&mut request);
        request
    };
    let info = |graft: Bytes| SegmentInfo { sid: Bytes::copy_from_slice(sid(1).as_bytes()), graft };
    refused("/metastore/v1/commit", &of(&|commit| commit.snapshot_lsn = Some(0)), "LSN 0").await;
    refused("/metastore/v1/commit", &of(&|commit| commit.cid = vid_bytes(1)), "cid").await;
    refused("/metastore/v1/commit", &of(&|commit| commit.segments = vec![info(Bytes::from_static(b"x"))]), "graft")
        .await;
    let twice = of(&|commit| commit.segments = vec![info(pages([1, 7]).encode()), info(pages([7]).encode())]);
    refused("/metastore/v1/commit", &twice, "page 7").await;
    let sids = vec![vid_bytes(1)];
    refused("/metastore/internal/v1/read_segments", &ReadSegmentsRequest { sids }, "sids").await;
}

/// Messages of any kind.
trait Encode {
    fn bytes(&self) -> Vec<u8>;
}

impl<M: prost::Message> Encode for M {
    fn bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_segment_rows_are_a_400() {
    let server = open_server().await;
    let good = register_request(1, vid(1), &pages([1]));
    let refused = async |change: &dyn Fn(&mut RegisterSegmentsRequest), part: &str| {
        let mut request = good.clone();
        change(&mut request);
        let sentence = server.post(REGISTER, &request).await.must_fail(400, GraftErrCode::Client);
        assert!(sentence.contains(part), "{sentence:?} does not name {part:?}");
    };
    refused(&|request| request.segments[0].sid = vid_bytes(1), "sid").await;
    refused(&|request| request.segments[0].index_hash = Bytes::from_static(&[1; 31]), "index_hash").await;
    refused(&|request| request.segments[0].index_len = 1001, "outside").await;
    refused(&|request| request.segments[0].index_offset = u64::MAX, "outside").await;
    refused(&|request| request.segments[0].byte_len = u64::MAX, "byte_len").await;
    refused(&|request| request.segments[0].volumes[0].vid = Bytes::new(), "vid").await;
    refused(&|request| request.segments[0].volumes[0].graft = Bytes::from_static(b"x"), "graft").await;
    refused(&|request| request.segments[0].volumes[0].graft = pages([]).encode(), "no page").await;
    let too_many = pages(1..=4097).encode();
    refused(&|request| request.segments[0].volumes[0].graft = too_many.clone(), "graft").await;
    refused(&|request| request.segments[0].volumes.push(good.segments[0].volumes[0].clone()), "twice").await;
    refused(&|request| request.segments.push(good.segments[0].clone()), "twice").await;
    server.post(REGISTER, &good).await.must_succeed();
    server.post(REGISTER, &good).await.must_succeed();
    refused(&|request| request.segments[0].index_hash = Bytes::from_static(&[9; 32]), "other content").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_with_segments_that_do_not_hold_their_pages_are_a_400() {
    let server = open_server().await;
    server.post(REGISTER, &register_request(1, vid(1), &pages([1]))).await.must_succeed();
    server.post(REGISTER, &register_request(2, vid(2), &pages([1]))).await.must_succeed();
    for (number, page, part) in
        [(1, 2, "does not hold page 2"), (2, 1, "no page of this volume"), (3, 1, "does not exist")]
    {
        let segments =
            vec![SegmentInfo { sid: Bytes::copy_from_slice(sid(number).as_bytes()), graft: pages([page]).encode() }];
        let commit = CommitRequest { segments, ..commit_request(vid(1), None) };
        let sentence = server.post("/metastore/v1/commit", &commit).await.must_fail(400, GraftErrCode::Client);
        assert!(sentence.contains(part) && sentence.contains(&sid(number).to_string()), "{sentence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_404() {
    let server = open_server().await;
    server.post("/metastore/v1/commit", &commit_request(vid(1), None)).await.must_succeed();
    let missing = async |call: &str, message: &dyn Encode| {
        let answer = server.post_bytes(call, message.bytes(), "application/x-protobuf").await;
        answer.must_fail(404, GraftErrCode::SnapshotMissing);
    };
    for (number, lsn) in [(2, None), (2, Some(1)), (1, Some(2)), (1, Some(u64::MAX))] {
        missing("/metastore/v1/snapshot", &SnapshotRequest { vid: vid_bytes(number), lsn }).await;
    }
    for (number, start) in [(2, 1), (1, 2), (1, u64::MAX)] {
        let request = poll_request(vid(number), start);
        missing("/metastore/v1/pull_graft", &request).await;
        let PullGraftRequest { vid, range } = request;
        missing("/metastore/v1/pull_commits", &PullCommitsRequest { vid, range }).await;
    }
    missing("/metastore/v1/pull_graft", &PullGraftRequest { vid: vid_bytes(2), range: None }).await;
    missing("/metastore/v1/pull_commits", &PullCommitsRequest { vid: vid_bytes(2), range: None }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_race_is_a_409_and_other_content_of_one_client_a_400() {
    let server = open_server().await;
    server.post("/metastore/v1/commit", &commit_request(vid(1), None)).await.must_succeed();
    let of_other =
        |base| CommitRequest { cid: Bytes::copy_from_slice(cid(2).as_bytes()), ..commit_request(vid(1), base) };
    for base in [None, Some(2), Some(u64::MAX)] {
        let lost = server.post("/metastore/v1/commit", &of_other(base)).await;
        assert!(lost.must_fail(409, GraftErrCode::CommitRejected).contains("LSN 1"));
    }
    let nowhere = CommitRequest { vid: vid_bytes(2), ..of_other(Some(1)) };
    server.post("/metastore/v1/commit", &nowhere).await.must_fail(409, GraftErrCode::CommitRejected);
    let other_content = CommitRequest { page_count: 2, ..commit_request(vid(1), None) };
    server.post("/metastore/v1/commit", &other_content).await.must_fail(400, GraftErrCode::Client);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_metastores_cannot_share_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.catalog.location = Some(metastore::catalog::Location::sqlite(folder.path().join("catalog.sqlite")));
    let server = Server::start(config.clone(), Deps::default()).await;
    let error = metastore::build(config.clone(), Deps::default()).await.err().unwrap();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("in use by another process"));
    server.stop().await;
    // It let go of the file when it ended.
    Server::start(config, Deps::default()).await.stop().await;
}
