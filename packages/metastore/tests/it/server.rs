//! A metastore on a port of its own, and the calls of a client.

use std::net::{SocketAddr, TcpListener};

use bytes::Bytes;
use catgraft_core::VolumeId;
use catgraft_proto::graft::{
    common::v1::{GraftErr, GraftErrCode, LsnRange},
    metastore::v1::{CommitRequest, PullGraftRequest},
};
use metastore::{Config, Deps, Error};
use prost::Message;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::values::cid;

/// A metastore that serves.
pub(crate) struct Server {
    address: SocketAddr,
    client: reqwest::Client,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), Error>>,
    /// Sent with every call, where it is not empty.
    pub(crate) token: String,
}

/// What was answered to a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    content_type: String,
    body: Bytes,
}

impl Server {
    pub(crate) async fn start(config: Config, deps: Deps) -> Self {
        let metastore = metastore::build(config, deps).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(metastore.run(listener, shutdown.clone()));
        Self { address, client: reqwest::Client::new(), shutdown, running, token: String::new() }
    }

    /// Ends it as a signal would, and sees that it ends well.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap().unwrap();
    }

    pub(crate) async fn post(&self, path: &str, message: &impl Message) -> Answer {
        self.post_bytes(path, message.encode_to_vec(), "application/x-protobuf").await
    }

    pub(crate) async fn post_bytes(&self, path: &str, body: Vec<u8>, content_type: &str) -> Answer {
        let request = self.client.post(self.url(path)).header("Content-Type", content_type).body(body);
        self.send(request).await
    }

    /// A call with the wrong method.
    pub(crate) async fn get_call(&self, path: &str) -> Answer {
        self.send(self.client.get(self.url(path))).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Answer {
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        Answer { status, content_type, body: response.bytes().await.unwrap() }
    }

    /// A page that needs no token.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.client.get(self.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.get("/metrics").await;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Answer {
    /// The message of a call that succeeded.
    pub(crate) fn message<M: Message + Default>(&self) -> M {
        self.must_succeed();
        M::decode(self.body.clone()).unwrap()
    }

    pub(crate) fn must_succeed(&self) {
        assert_eq!((self.status, self.content_type.as_str()), (200, "application/x-protobuf"), "{}", self.error());
    }

    /// Checks status, content type and code, and answers the sentence.
    pub(crate) fn must_fail(&self, status: u16, code: GraftErrCode) -> String {
        assert_eq!(self.content_type, "application/x-protobuf");
        let error = GraftErr::decode(self.body.clone()).unwrap();
        assert_eq!((self.status, error.code()), (status, code), "{}", error.message);
        assert!(!error.message.is_empty());
        error.message
    }

    fn error(&self) -> String {
        GraftErr::decode(self.body.clone()).map(|error| error.message).unwrap_or_default()
    }
}

/// A commit of client 1 without segments.
pub(crate) fn commit_request(vid: VolumeId, base: Option<u64>) -> CommitRequest {
    CommitRequest {
        vid: Bytes::copy_from_slice(vid.as_bytes()),
        cid: Bytes::copy_from_slice(cid(1).as_bytes()),
        snapshot_lsn: base,
        page_count: 1,
        segments: Vec::new(),
    }
}

/// A poll for what there is at and after an LSN.
pub(crate) fn poll_request(vid: VolumeId, start: u64) -> PullGraftRequest {
    PullGraftRequest {
        vid: Bytes::copy_from_slice(vid.as_bytes()),
        range: Some(LsnRange { inclusive_start: start, inclusive_end: None }),
    }
}
