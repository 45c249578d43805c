//! Who may call what, with authentication on.

use std::{sync::Arc, time::Duration};

use catgraft_core::{Clock, SystemClock, Timestamp};
use catgraft_proto::{
    catgraft::internal::v1::{
        AdoptOrphansRequest, ReadDueOrphansRequest, ReadLogRequest, ReadSegmentsRequest, RemoveOrphansRequest,
        SearchOrphansRequest,
    },
    graft::{common::v1::GraftErrCode, metastore::v1::SnapshotRequest},
};
use catgraft_service::{
    http::Auth,
    token::{Role, TokenKey, generate_key},
};
use metastore::{Config, Deps};

use super::{REGISTER, register_request};
use crate::{
    server::{Answer, Server, commit_request, poll_request},
    values::{pages, vid},
};

async fn guarded_server() -> (Server, Arc<TokenKey>) {
    let key = Arc::new(TokenKey::from_hex(&generate_key()).unwrap());
    let config = Config { auth: Auth::Required(Arc::clone(&key)), ..Config::default() };
    (Server::start(config, Deps::default()).await, key)
}

/// The calls by which pagestores remove what no commit names.
async fn orphan_calls(server: &Server) -> [Answer; 4] {
    let call = |name| format!("/metastore/internal/v1/{name}");
    let grace_ms = 24 * 3_600_000;
    [
        server.post(&call("search_orphans"), &SearchOrphansRequest { grace_ms }).await,
        server.post(&call("adopt_orphans"), &AdoptOrphansRequest { grace_ms, orphans: Vec::new() }).await,
        server.post(&call("read_due_orphans"), &ReadDueOrphansRequest { grace_ms }).await,
        server.post(&call("remove_orphans"), &RemoveOrphansRequest { grace_ms, sids: Vec::new() }).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_every_call_is_a_401() {
    let (mut server, key) = guarded_server().await;
    let now = SystemClock.now();
    let hour_ago = Timestamp::from_millis(now.as_millis() - 3_600_000);
    let in_an_hour = Timestamp::from_millis(now.as_millis() + 3_600_000);
    let other_key = TokenKey::from_hex(&generate_key()).unwrap();
    let tokens = [
        String::new(),
        "v4.local.nonsense".to_owned(),
        other_key.issue("ann", Some(Role::Pagestore), None, hour_ago),
        key.issue("ann", Some(Role::Pagestore), Some(Duration::from_secs(60)), hour_ago),
        key.issue("ann", Some(Role::Pagestore), None, in_an_hour),
    ];
    for token in tokens {
        server.token = token;
        let snapshot = SnapshotRequest { vid: vid(1).as_bytes().to_vec().into(), lsn: None };
        let answers = [
            server.post("/metastore/v1/snapshot", &snapshot).await,
            server.post("/metastore/v1/pull_graft", &poll_request(vid(1), 1)).await,
            server.post("/metastore/v1/pull_commits", &poll_request(vid(1), 1)).await,
            server.post("/metastore/v1/commit", &commit_request(vid(1), None)).await,
            server.post(REGISTER, &register_request(1, vid(1), &pages([1]))).await,
            server.post("/metastore/internal/v1/read_log", &ReadLogRequest::default()).await,
            server.post("/metastore/internal/v1/read_segments", &ReadSegmentsRequest::default()).await,
        ];
        let answers = answers.into_iter().chain(orphan_calls(&server).await);
        for answer in answers {
            answer.must_fail(401, GraftErrCode::Unauthorized);
        }
    }
    assert_eq!(server.get("/health").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_token_does_not_permit_what_only_pagestores_call() {
    let (mut server, key) = guarded_server().await;
    server.token = key.issue("ann", None, None, SystemClock.now());
    server.post("/metastore/v1/commit", &commit_request(vid(1), None)).await.must_succeed();
    let log = ReadLogRequest { vid: vid(1).as_bytes().to_vec().into(), after_lsn: 0, commits_max: 0 };
    let refused = [
        server.post(REGISTER, &register_request(1, vid(1), &pages([1]))).await,
        server.post("/metastore/internal/v1/read_log", &log).await,
        server.post("/metastore/internal/v1/read_segments", &ReadSegmentsRequest::default()).await,
    ];
    for answer in refused.into_iter().chain(orphan_calls(&server).await) {
        answer.must_fail(403, GraftErrCode::Unauthorized);
    }
    server.token = key.issue("pagestore", Some(Role::Pagestore), None, SystemClock.now());
    server.post(REGISTER, &register_request(1, vid(1), &pages([1]))).await.must_succeed();
    server.post("/metastore/internal/v1/read_log", &log).await.must_succeed();
    server.post("/metastore/internal/v1/read_segments", &ReadSegmentsRequest::default()).await.must_succeed();
    for answer in orphan_calls(&server).await {
        answer.must_succeed();
    }
    server.post("/metastore/v1/commit", &commit_request(vid(1), Some(1))).await.must_succeed();
}
