//! Metastores that share one Postgres, and a Postgres that goes away and comes back.

use std::time::Duration;

use catgraft_proto::graft::common::v1::GraftErrCode;
use catgraft_testkit::postgres::{Cluster, database};
use metastore::{CatalogConfig, Config, Deps, catalog::Location, heads::follow::Pace};

use crate::{
    server::{Server, commit_request, poll_request},
    values::vid,
};

fn config(url: &str) -> Config {
    let location = Some(Location::postgres(url).unwrap());
    let default = Config::default();
    Config { catalog: CatalogConfig { location, migrate: true, ..default.catalog.clone() }, ..default }
}

/// A pace at which the announcements alone can be what brings news in time.
fn deps() -> Deps {
    let pace = Pace { compare: Duration::from_secs(3600), retry: Duration::from_millis(50), ..Pace::default() };
    Deps { pace, ..Deps::default() }
}

/// Asks until the answer is this, for as long as patience lasts.
async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), waiting).await.is_ok(), "waited in vain: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_on_one_metastore_is_seen_by_polls_of_the_other() {
    let database = database().await;
    let one = Server::start(config(database.url()), deps()).await;
    let other = Server::start(config(database.url()), deps()).await;
    until("both listen", async || {
        one.metric("catgraft_heads_trusted").await == 1 && other.metric("catgraft_heads_trusted").await == 1
    })
    .await;
    one.post("/metastore/v1/commit", &commit_request(vid(1), None)).await.must_succeed();
    for base in 1..=5u64 {
        // Polled often enough that the other one answers from memory.
        other.post("/metastore/v1/pull_graft", &poll_request(vid(1), base)).await.must_succeed();
        until("polls are answered from memory", async || {
            let before = other.metric("catgraft_polls_from_memory_total").await;
            let poll = other.post("/metastore/v1/pull_graft", &poll_request(vid(1), base + 1)).await;
            poll.must_fail(404, GraftErrCode::SnapshotMissing);
            other.metric("catgraft_polls_from_memory_total").await > before
        })
        .await;
        one.post("/metastore/v1/commit", &commit_request(vid(1), Some(base))).await.must_succeed();
        until("the other one has heard of it", async || {
            let poll = other.post("/metastore/v1/pull_graft", &poll_request(vid(1), base + 1)).await;
            poll.status == 200
        })
        .await;
    }
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_goes_away_is_said_and_work_goes_on_when_it_is_back() {
    let cluster = Cluster::start();
    let database = cluster.database().await;
    let server = Server::start(config(database.url()), deps()).await;
    server.post("/metastore/v1/commit", &commit_request(vid(1), None)).await.must_succeed();
    until("ready", async || server.get("/ready").await.0 == 200).await;
    for round in 1..=2u64 {
        cluster.kill();
        let commit = server.post("/metastore/v1/commit", &commit_request(vid(1), Some(round))).await;
        commit.must_fail(503, GraftErrCode::ServiceUnavailable);
        let poll = server.post("/metastore/v1/pull_graft", &poll_request(vid(1), round)).await;
        poll.must_fail(503, GraftErrCode::ServiceUnavailable);
        until("not ready", async || server.get("/ready").await.0 == 503).await;
        let (_, ready) = server.get("/ready").await;
        assert!(ready.starts_with("catalog: unavailable: "), "{ready}");
        assert_eq!(server.get("/health").await, (200, "OK\n".to_owned()));
        cluster.restart();
        until("commits land again", async || {
            server.post("/metastore/v1/commit", &commit_request(vid(1), Some(round))).await.status == 200
        })
        .await;
        until("ready again", async || server.get("/ready").await.0 == 200).await;
        until("listening again", async || server.metric("catgraft_heads_trusted").await == 1).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metastore_that_starts_before_its_postgres_waits_for_it() {
    let cluster = Cluster::start();
    let database = cluster.database().await;
    cluster.kill();
    let server = Server::start(config(database.url()), deps()).await;
    let commit = server.post("/metastore/v1/commit", &commit_request(vid(1), None)).await;
    commit.must_fail(503, GraftErrCode::ServiceUnavailable);
    assert_eq!(server.get("/ready").await.0, 503);
    cluster.restart();
    until("commits land", async || {
        server.post("/metastore/v1/commit", &commit_request(vid(1), None)).await.status == 200
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_metastore_refuses_a_schema_that_is_not_its_own() {
    let database = database().await;
    let mut config = config(database.url());
    config.catalog.migrate = false;
    let error = metastore::build(config, deps()).await.err().unwrap();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("run `catgraft migrate --url "), "{source}");
}
