//! The ceiling of a machine: a server that parses HTTP and answers constants, with the settings of our own services. What
//! it reaches under a workload is what no server of this kind can.
//!
//! It reads every body, because a push has to, and looks at none. Its answers have the right form and mean nothing: the
//! load generator must not check them.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_web::{
    App, HttpResponse, HttpServer,
    http::{KeepAlive, StatusCode},
    web::{self, Data},
};
use bytes::{Bytes, BytesMut};
use catgraft_core::{IdSource as _, PAGE_SIZE, RandomIds, Timestamp};
use catgraft_proto::graft::{
    common::v1::{GraftErr, GraftErrCode, SegmentInfo, Snapshot},
    metastore::v1::CommitResponse,
    pagestore::v1::{PageAtIdx, ReadPagesResponse, WritePagesResponse},
};
use futures::StreamExt as _;
use prost::Message;

use crate::{
    Error,
    load::runtime,
    messages::{self, COMMIT, PULL_GRAFT, READ_PAGES, WRITE_PAGES},
};

const PROTOBUF: &str = "application/x-protobuf";
/// As in our services.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A server of constants that listens.
pub struct Ceiling {
    address: SocketAddr,
    listener: TcpListener,
    answers: Answers,
}

/// Every answer, encoded once.
#[derive(Clone)]
struct Answers {
    write_pages: Bytes,
    commit: Bytes,
    read_pages: Bytes,
    pull_graft: Bytes,
}

impl Ceiling {
    /// A server at this address whose reads have so many pages and whose pushes so many.
    pub fn bind(address: SocketAddr, read_pages: u32, write_pages: u32) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).map_err(Error::Start)?;
        let address = listener.local_addr().map_err(Error::Start)?;
        Ok(Self { address, listener, answers: Answers::new(read_pages, write_pages) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until SIGINT or SIGTERM.
    pub fn run(self) -> Result<(), Error> {
        let Self { listener, answers, .. } = self;
        let serve = async move {
            let server = HttpServer::new(move || {
                App::new()
                    .app_data(Data::new(answers.clone()))
                    .route(WRITE_PAGES, web::post().to(write_pages))
                    .route(COMMIT, web::post().to(commit))
                    .route(READ_PAGES, web::post().to(read_pages))
                    .route(PULL_GRAFT, web::post().to(pull_graft))
                    .route("/ready", web::get().to(HttpResponse::Ok))
            });
            server.keep_alive(KeepAlive::Timeout(KEEP_ALIVE)).tcp_nodelay(true).listen(listener)?.run().await
        };
        runtime()?.block_on(serve).map_err(Error::Start)
    }
}

impl Answers {
    fn new(read_pages: u32, write_pages: u32) -> Self {
        let id = |bytes: &[u8; 16]| Bytes::copy_from_slice(bytes);
        let now = Timestamp::from_millis(0);
        let pages: Vec<u32> = (1..=write_pages).collect();
        let sid = RandomIds.segment_id(now);
        let segment = SegmentInfo { sid: id(sid.as_bytes()), graft: messages::page_set(&pages).encode() };
        let snapshot = Snapshot {
            vid: id(RandomIds.volume_id(now).as_bytes()),
            cid: id(RandomIds.client_id(now).as_bytes()),
            lsn: 1,
            checkpoint_lsn: 1,
            page_count: write_pages,
            timestamp: None,
        };
        let mut data = BytesMut::zeroed(PAGE_SIZE);
        data[..PAGE_SIZE / 2].fill(0xA5);
        let data = data.freeze();
        let pages = (1..=read_pages).map(|pageidx| PageAtIdx { pageidx, data: data.clone() }).collect();
        let missing = GraftErr { code: GraftErrCode::SnapshotMissing.into(), message: "nothing newer".to_owned() };
        Self {
            write_pages: WritePagesResponse { segments: vec![segment] }.encode_to_vec().into(),
            commit: CommitResponse { snapshot: Some(snapshot) }.encode_to_vec().into(),
            read_pages: ReadPagesResponse { pages }.encode_to_vec().into(),
            pull_graft: missing.encode_to_vec().into(),
        }
    }
}

async fn write_pages(body: web::Payload, answers: Data<Answers>) -> HttpResponse {
    answer(body, StatusCode::OK, &answers.write_pages).await
}

async fn commit(body: web::Payload, answers: Data<Answers>) -> HttpResponse {
    answer(body, StatusCode::OK, &answers.commit).await
}

async fn read_pages(body: web::Payload, answers: Data<Answers>) -> HttpResponse {
    answer(body, StatusCode::OK, &answers.read_pages).await
}

async fn pull_graft(body: web::Payload, answers: Data<Answers>) -> HttpResponse {
    answer(body, StatusCode::NOT_FOUND, &answers.pull_graft).await
}

/// Reads the body to its end, and answers.
async fn answer(mut body: web::Payload, status: StatusCode, answer: &Bytes) -> HttpResponse {
    while let Some(piece) = body.next().await {
        if piece.is_err() {
            return HttpResponse::BadRequest().finish();
        }
    }
    HttpResponse::build(status).content_type(PROTOBUF).body(answer.clone())
}
