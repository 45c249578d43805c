//! Every row of the protocol's error table that a pagestore can answer: status, code, content type.

use bytes::Bytes;
use catgraft_core::{Clock, Lsn, PageCount, PageIndex, SystemClock};
use catgraft_proto::graft::{
    common::v1::{GraftErr, GraftErrCode},
    pagestore::v1::{PageAtIdx, ReadPagesRequest, WritePagesRequest},
};
use catgraft_service::{
    Secret,
    token::{Role, TokenKey},
};
use catgraft_testkit::model::page_content;
use prost::Message;
use reqwest::{Method, StatusCode, header};
use std::{sync::Arc, time::Duration};

use crate::support::{House, new_vid, pages_of, wire};

const PROTOBUF: &str = "application/x-protobuf";
const READ: &str = "/pagestore/v1/read_pages";
const WRITE: &str = "/pagestore/v1/write_pages";
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A request whose parts can be wrong.
struct Request<'a> {
    method: Method,
    path: &'a str,
    content_type: &'a str,
    token: Option<&'a str>,
    body: Vec<u8>,
}

impl<'a> Request<'a> {
    fn post(path: &'a str, message: &impl Message) -> Self {
        Self { method: Method::POST, path, content_type: PROTOBUF, token: None, body: message.encode_to_vec() }
    }

    async fn send(self, house: &House) -> (StatusCode, String, Bytes) {
        let mut request = reqwest::Client::new()
            .request(self.method, format!("{}{}", house.pagestore_url, self.path))
            .header(header::CONTENT_TYPE, self.content_type)
            .body(self.body);
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.expect("an answer, not a reset");
        let content_type = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        (answer.status(), content_type, answer.bytes().await.unwrap())
    }

    async fn refused(self, house: &House, status: u16, code: GraftErrCode, message: &str) {
        let (found, content_type, body) = self.send(house).await;
        let error = GraftErr::decode(body).expect("the body is a GraftErr");
        assert_eq!(
            (found.as_u16(), content_type.as_str(), error.code()),
            (status, PROTOBUF, code),
            "{}",
            error.message
        );
        assert!(error.message.contains(message), "{:?} does not say {message:?}", error.message);
    }
}

fn write(pages: Vec<PageAtIdx>) -> WritePagesRequest {
    WritePagesRequest { vid: wire(new_vid().as_bytes()), pages }
}

fn page(index: u32) -> PageAtIdx {
    PageAtIdx { pageidx: index, data: page_content(index.into()) }
}

fn read(lsn: u64, graft: Bytes) -> ReadPagesRequest {
    ReadPagesRequest { vid: wire(new_vid().as_bytes()), lsn, graft }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_writes_are_400() {
    use GraftErrCode::Client;
    let house = House::start().await;
    let twice = write(vec![page(1), page(1)]);
    Request::post(WRITE, &twice).refused(&house, 400, Client, "page 1 comes twice").await;
    Request::post(WRITE, &write(vec![page(0)])).refused(&house, 400, Client, "page index 0").await;
    let short = PageAtIdx { pageidx: 9, data: page_content(1).slice(1..) };
    Request::post(WRITE, &write(vec![short])).refused(&house, 400, Client, "exactly 4096 bytes").await;
    let nobody = WritePagesRequest { vid: Bytes::new(), pages: vec![page(1)] };
    Request::post(WRITE, &nobody).refused(&house, 400, Client, "volume id").await;
    let segment = WritePagesRequest { vid: Bytes::from(vec![0xA0; 16]), pages: vec![page(1)] };
    Request::post(WRITE, &segment).refused(&house, 400, Client, "begins with byte 0x80").await;
    let mut cut = Request::post(WRITE, &write(vec![page(1)]));
    cut.body.truncate(2000);
    cut.refused(&house, 400, Client, "ends in the middle").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_reads_are_400() {
    use GraftErrCode::Client;
    let house = House::start().await;
    let one = pages_of(&[1]).encode();
    Request::post(READ, &read(0, one.clone())).refused(&house, 400, Client, "LSN 0").await;
    Request::post(READ, &read(1, one.slice(1..))).refused(&house, 400, Client, "graft").await;
    let many: Vec<u32> = (1..=1025).collect();
    Request::post(READ, &read(1, pages_of(&many).encode())).refused(&house, 400, Client, "1024").await;
    let client_id = ReadPagesRequest { vid: Bytes::from(vec![0xC0; 16]), ..read(1, one.clone()) };
    Request::post(READ, &client_id).refused(&house, 400, Client, "begins with byte 0x80").await;
    let noise = Request { body: vec![0xff; 40], ..Request::post(READ, &read(1, one.clone())) };
    noise.refused(&house, 400, Client, "").await;
    let huge = Request { body: vec![0; 10_000_000], ..Request::post(READ, &read(1, one)) };
    huge.refused(&house, 400, Client, "larger than").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_call_is_400() {
    use GraftErrCode::Client;
    let house = House::start().await;
    let message = write(vec![page(1)]);
    Request { method: Method::GET, ..Request::post(WRITE, &message) }.refused(&house, 400, Client, "POST").await;
    Request::post("/pagestore/v1/nothing", &message).refused(&house, 400, Client, "/pagestore/v1/nothing").await;
    let json = Request { content_type: "application/json", ..Request::post(WRITE, &message) };
    json.refused(&house, 400, Client, PROTOBUF).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_and_lsns_that_do_not_exist_are_404() {
    let house = House::start().await;
    let message = read(1, pages_of(&[1]).encode());
    Request::post(READ, &message).refused(&house, 404, GraftErrCode::SnapshotMissing, "has no LSN 1").await;
    let client = house.client();
    let vid = new_vid();
    let segments = client.write(vid, [(PageIndex::FIRST, 1)]).await.unwrap();
    client.commit(vid, None, PageCount::new(1), segments).await.unwrap();
    let beyond = ReadPagesRequest { vid: wire(vid.as_bytes()), ..read(2, pages_of(&[1]).encode()) };
    Request::post(READ, &beyond).refused(&house, 404, GraftErrCode::SnapshotMissing, "has no LSN 2").await;
    assert_eq!(client.read(vid, Lsn::FIRST, &pages_of(&[1, 2])).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_only_good_tokens_pass() {
    use GraftErrCode::Unauthorized;
    let house = House::with_store(Arc::new(catgraft_objects::MemoryStore::new()), &[("auth.key", KEY)]).await;
    let key = TokenKey::from_hex(&Secret::new(KEY)).unwrap();
    let other = TokenKey::from_hex(&Secret::new(KEY.replace('0', "1"))).unwrap();
    let now = SystemClock.now();
    let hour = Duration::from_secs(3600);
    let later = catgraft_core::Timestamp::from_millis(now.as_millis() + 3_600_000);
    let earlier = catgraft_core::Timestamp::from_millis(now.as_millis() - 7_200_000);
    let message = write(vec![page(1)]);
    let bad = [
        None,
        Some(String::new()),
        Some("v4.local.nonsense".to_owned()),
        Some(other.issue("somebody", None, None, now)),
        Some(key.issue("somebody", None, Some(hour), earlier)),
        Some(key.issue("somebody", None, None, later)),
    ];
    for token in &bad {
        let request = Request { token: token.as_deref(), ..Request::post(WRITE, &message) };
        request.refused(&house, 401, Unauthorized, "token").await;
    }
    for role in [None, Some(Role::Pagestore)] {
        let token = key.issue("somebody", role, Some(hour), now);
        let request = Request { token: Some(&token), ..Request::post(READ, &read(1, pages_of(&[1]).encode())) };
        request.refused(&house, 404, GraftErrCode::SnapshotMissing, "").await;
    }
    for path in ["/health", "/metrics"] {
        let (status, _, _) = Request { method: Method::GET, ..Request::post(path, &message) }.send(&house).await;
        assert_eq!(status, 200, "{path}");
    }
}
