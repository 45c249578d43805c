//! What a call answers, right or wrong.

use std::io::Read;

use catgraft_proto::graft::common::v1::GraftErr;
use catgraft_service::http::Auth;
use prost::Message;

use crate::{
    client::{Connection, Request},
    fixture::{LIMIT_BYTES, start},
};

fn message(len: usize) -> Vec<u8> {
    GraftErr { code: 0, message: "x".repeat(len) }.encode_to_vec()
}

#[tokio::test]
async fn a_call_answers_its_message_with_exactly_the_content_type() {
    let service = start(Auth::Off);
    let mut connection = Connection::open(service.address).await;
    for len in [0, 1, 5000, LIMIT_BYTES - 4] {
        let answer = connection.exchange(&Request::call("echo").body(message(len))).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-protobuf")));
        assert!(answer.body == message(len), "another body for {len}");
        assert_eq!(answer.header("content-encoding"), None);
    }
}

#[tokio::test]
async fn a_large_answer_is_compressed_for_who_reads_it() {
    let service = start(Auth::Off);
    let request = Request::call("echo").body(message(50_000)).header("Accept-Encoding", "gzip, br, zstd");
    let answer = request.send(service.address).await;
    assert_eq!(answer.header("content-encoding"), Some("zstd"));
    assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(zstd::stream::decode_all(answer.body.as_slice()).unwrap(), message(50_000));

    let request = Request::call("echo").body(message(50_000)).header("Accept-Encoding", "gzip");
    let answer = request.send(service.address).await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(answer.body.as_slice()).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, message(50_000));
}

#[tokio::test]
async fn the_request_id_of_the_caller_comes_back() {
    let service = start(Auth::Off);
    let answer = Request::call("echo").header("X-Request-Id", "mine-1").send(service.address).await;
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    let answer = Request::call("panic").header("X-Request-Id", "mine-2").send(service.address).await;
    assert_eq!(answer.header("x-request-id"), Some("mine-2"));
    let answer = Request::call("echo").header("X-Request-Id", "two words").send(service.address).await;
    assert_eq!(answer.header("x-request-id").unwrap().len(), 16);
}

#[tokio::test]
async fn what_a_handler_refuses_is_answered_by_its_kind() {
    let service = start(Auth::Off);
    assert_eq!(Request::call("missing").send(service.address).await.error(404, 2), "no such volume");
    let answer = Request::call("away").send(service.address).await;
    assert_eq!(answer.error(503, 101), "the catalog is away");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(Request::call("broken").send(service.address).await.error(500, 100), "a bug");
}

#[tokio::test]
async fn a_panic_is_answered_and_the_connection_and_the_server_go_on() {
    let service = start(Auth::Off);
    let mut connection = Connection::open(service.address).await;
    for _ in 0..20 {
        let answer = connection.exchange(&Request::call("panic")).await;
        assert!(!answer.error(500, 100).contains("on purpose"));
    }
    assert_eq!(connection.exchange(&Request::call("echo")).await.status, 200);
}

#[tokio::test]
async fn answers_that_are_not_ours_are_turned_into_ours() {
    let service = start(Auth::Off);
    let told = Request::call("teapot").send(service.address).await.error(400, 1);
    assert!(!told.contains("foreign"), "{told}");
    Request::call("empty_error").send(service.address).await.error(500, 100);
}

#[tokio::test]
async fn an_unknown_path_is_refused_with_what_there_is() {
    let service = start(Auth::Off);
    for path in ["/metastore/v1/nope", "/metastore/", "/metastore/v1/echo/", "/pagestore/v1/read_pages", "/metastore//"]
    {
        let answer =
            Request::new("POST", path).header("Content-Type", "application/x-protobuf").send(service.address).await;
        let told = answer.error(400, 1);
        assert!(told.starts_with(&format!("there is no POST {path}; there is POST on /metastore/v1/echo, ")), "{told}");
    }
    let long = format!("/metastore/{}", "x".repeat(2000));
    assert!(Request::new("POST", &long).send(service.address).await.error(400, 1).len() < 500);
}

#[tokio::test]
async fn a_wrong_method_is_refused() {
    let service = start(Auth::Off);
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let told = Request::new(method, "/metastore/v1/echo").send(service.address).await.error(400, 1);
        assert!(told.starts_with(&format!("there is no {method} /metastore/v1/echo;")), "{told}");
    }
}

#[tokio::test]
async fn the_content_type_of_a_request_must_be_protobuf() {
    let service = start(Auth::Off);
    for content_type in ["application/json", "text/plain", "application/x-protobufs", "", "application/protobuf"] {
        let request = Request::new("POST", "/metastore/v1/echo").header("Content-Type", content_type);
        request.send(service.address).await.error(400, 1);
    }
    Request::new("POST", "/metastore/v1/echo").send(service.address).await.error(400, 1);
    let request = Request::new("POST", "/metastore/v1/echo");
    for content_type in ["application/x-protobuf; charset=utf-8", "Application/X-Protobuf"] {
        assert_eq!(request.clone().header("Content-Type", content_type).send(service.address).await.status, 200);
    }
}

#[tokio::test]
async fn a_compressed_request_is_refused() {
    let service = start(Auth::Off);
    let body = zstd::bulk::compress(&message(100), 1).unwrap();
    let request = Request::call("echo").body(body);
    request.clone().header("Content-Encoding", "zstd").send(service.address).await.error(400, 1);
    let request = Request::call("echo").body(message(100)).header("Content-Encoding", "identity");
    assert_eq!(request.send(service.address).await.status, 200);
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_without_a_reset() {
    let service = start(Auth::Off);
    for len in [LIMIT_BYTES - 3, 20_000_000] {
        let told = Request::call("echo").body(message(len)).send(service.address).await.error(400, 1);
        assert_eq!(told, "the body is larger than the 100000 bytes that this call takes");
    }
}

#[tokio::test]
async fn a_large_body_that_nobody_reads_is_refused_without_a_reset() {
    let service = start(Auth::Off);
    let body = vec![0u8; 20_000_000];
    Request::call("nope").body(body.clone()).send(service.address).await.error(400, 1);
    Request::new("POST", "/metastore/v1/echo").body(body).send(service.address).await.error(400, 1);
}

#[tokio::test]
async fn bytes_that_are_no_message_are_refused() {
    let service = start(Auth::Off);
    let mut connection = Connection::open(service.address).await;
    for body in [&b"\xff"[..], b"\x0a\x05ab", b"\x12\x02\xff\xff", &[0x80; 50]] {
        connection.exchange(&Request::call("echo").body(body)).await.error(400, 1);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_within_its_body_harms_nobody() {
    let service = start(Auth::Off);
    for _ in 0..20 {
        let mut connection = Connection::open(service.address).await;
        connection.send(&Request::call("echo").body(message(100)).header("Content-Length", "5000")).await;
    }
    assert_eq!(Request::call("echo").body(message(10)).send(service.address).await.status, 200);
}
