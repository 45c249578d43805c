//! Retries by error kind, against a server that answers what it is told to.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

use catgraft_proto::graft::{
    common::v1::{GraftErr, GraftErrCode},
    metastore::v1::{SnapshotRequest, SnapshotResponse},
};
use prost::Message as _;

use crate::{Endpoint, EndpointError, Error, MetastoreClient, Retry};

const QUICK: Retry =
    Retry { attempts_max: 4, wait_first: Duration::from_millis(1), wait_max: Duration::from_millis(2) };

fn refusal(status: u16, code: GraftErrCode) -> String {
    let body = GraftErr { code: code.into(), message: "a reason".to_owned() }.encode_to_vec();
    let body = String::from_utf8(body).expect("a short message of ASCII is ASCII");
    answer(status, "application/x-protobuf", &body)
}

fn answer(status: u16, content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Told\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Serves these answers, a connection each, and then is gone.
fn server(answers: Vec<String>) -> (String, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let count = answers.len();
        for answer in answers {
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.read(&mut [0; 4096]).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
        }
        count
    });
    (url, served)
}

async fn ask(url: &str, retry: Retry) -> Result<SnapshotResponse, Error> {
    let endpoint = Endpoint::new(url, Some("a-token"), Duration::from_secs(10), retry).unwrap();
    MetastoreClient::new(endpoint).snapshot(&SnapshotRequest::default()).await
}

#[tokio::test]
async fn a_service_that_is_away_is_asked_again() {
    let away = refusal(503, GraftErrCode::ServiceUnavailable);
    let proxy = answer(502, "text/html", "bad gateway");
    let (url, served) = server(vec![away, proxy, answer(200, "application/x-protobuf", "")]);
    assert_eq!(ask(&url, QUICK).await.unwrap(), SnapshotResponse::default());
    assert_eq!(served.join().unwrap(), 3);
}

#[tokio::test]
async fn a_refusal_is_not_asked_again() {
    for (status, code) in [
        (400, GraftErrCode::Client),
        (401, GraftErrCode::Unauthorized),
        (404, GraftErrCode::SnapshotMissing),
        (409, GraftErrCode::CommitRejected),
        (500, GraftErrCode::Server),
    ] {
        let (url, served) = server(vec![refusal(status, code)]);
        let error = ask(&url, QUICK).await.unwrap_err();
        assert_eq!(error.code(), Some(code));
        assert!(error.to_string().contains("a reason"), "{error}");
        assert_eq!(served.join().unwrap(), 1);
    }
}

#[tokio::test]
async fn the_last_attempt_gives_its_error() {
    let away = || refusal(503, GraftErrCode::ServiceUnavailable);
    let (url, served) = server(vec![away(), away(), away(), away()]);
    assert_eq!(ask(&url, QUICK).await.unwrap_err().code(), Some(GraftErrCode::ServiceUnavailable));
    assert_eq!(served.join().unwrap(), 4);
}

#[tokio::test]
async fn an_answer_of_another_protocol_is_named() {
    let (url, _) = server(vec![answer(200, "text/html", "hello")]);
    let error = ask(&url, QUICK).await.unwrap_err();
    assert!(matches!(error, Error::NotProtocol { status: 200, .. }), "{error}");
    assert!(error.to_string().contains("right address"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_told_and_the_other_address_sees_neither_token_nor_body() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let other_url = format!("http://{}/", other.local_addr().unwrap());
    for (status, location) in
        [(301, &*other_url), (302, &other_url), (303, &other_url), (307, &other_url), (308, "https://127.0.0.1:1/")]
    {
        let moved = answer(status, "application/x-protobuf", "");
        let (url, served) = server(vec![moved.replacen("\r\n", &format!("\r\nlocation: {location}\r\n"), 1)]);
        let error = ask(&url, QUICK).await.unwrap_err();
        assert!(matches!(error, Error::Redirected { status: told, .. } if told == status), "{status}: {error}");
        assert!(error.to_string().contains(&format!("{url}/ answers {status}, a redirect")), "{error}");
        assert_eq!(served.join().unwrap(), 1, "the same answer would come again");
        let nobody = other.accept().unwrap_err();
        assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "{status}: somebody followed");
    }
}

#[tokio::test]
async fn nobody_listening_is_a_transport_error() {
    let url = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let error = ask(&url, Retry::NEVER).await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }) && error.is_retryable() && error.is_temporary(), "{error}");
}

#[test]
fn addresses_and_tokens_that_cannot_be_used_are_refused() {
    let make = |url: &str, token| Endpoint::new(url, token, Duration::from_secs(1), QUICK);
    for url in ["", "localhost:3001", "ftp://host", "http://"] {
        assert!(matches!(make(url, None), Err(EndpointError::Url { .. })), "{url}");
    }
    let error = make("http://user:secret@host", None).unwrap_err();
    assert!(matches!(error, EndpointError::UrlWithUser) && !error.to_string().contains("secret"));
    let error = make("http://host", Some("a\nb")).unwrap_err();
    assert!(matches!(error, EndpointError::Token) && !error.to_string().contains("a\nb"));
}
