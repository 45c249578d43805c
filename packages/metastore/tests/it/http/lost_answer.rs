//! Commits whose clients went away before they were answered.

use catgraft_proto::graft::common::v1::GraftErrCode;
use metastore::{Config, Deps};
use prost::Message;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    server::{Server, commit_request, poll_request},
    values::vid,
};

const COMMIT: &str = "/metastore/v1/commit";
const PULL: &str = "/metastore/v1/pull_graft";

/// Sends a commit and resets the connection at once, without waiting for an answer.
async fn send_and_reset(server: &Server, body: &[u8]) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST {COMMIT} HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    stream.set_zero_linger().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_commit_is_seen_by_polls_although_its_first_answer_was_lost() {
    let server = Server::start(Config::default(), Deps::default()).await;
    server.post(COMMIT, &commit_request(vid(1), None)).await.must_succeed();
    for base in 1..=30 {
        // Now the head is in memory.
        server.post(PULL, &poll_request(vid(1), base + 1)).await.must_fail(404, GraftErrCode::SnapshotMissing);
        let commit = commit_request(vid(1), Some(base));
        send_and_reset(&server, &commit.encode_to_vec()).await;
        server.post(COMMIT, &commit).await.must_succeed();
        server.post(PULL, &poll_request(vid(1), base + 1)).await.must_succeed();
    }
    server.stop().await;
}
