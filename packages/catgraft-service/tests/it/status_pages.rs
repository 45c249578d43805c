//! The pages for machines and people that watch.

use std::sync::atomic::Ordering;

use catgraft_service::http::Auth;

use crate::{
    client::Request,
    fixture::{Fixture, start},
};

async fn get(service: &Fixture, path: &str) -> (u16, String, String) {
    let answer = Request::new("GET", path).send(service.address).await;
    let content_type = answer.header("content-type").unwrap().to_owned();
    (answer.status, content_type, answer.text().to_owned())
}

const TEXT: &str = "text/plain; charset=utf-8";

#[tokio::test]
async fn health_is_ok_whatever_is_away() {
    let service = start(Auth::Off);
    service.knobs.store_is_away.store(true, Ordering::SeqCst);
    assert_eq!(get(&service, "/health").await, (200, TEXT.into(), "OK\n".into()));
}

#[tokio::test]
async fn ready_says_what_is_there_and_asks_once_however_many_ask() {
    let service = start(Auth::Off);
    let asking = (0..50).map(|_| get(&service, "/ready"));
    for answer in futures::future::join_all(asking).await {
        assert_eq!(answer, (200, TEXT.into(), "objectstore: ok\n".into()));
    }
    // Fifty answers take less than the second after which it is asked again; a slow machine may need a second one.
    assert!(service.knobs.store_asked.load(Ordering::SeqCst) <= 3);
}

#[tokio::test]
async fn ready_says_what_is_away() {
    let service = start(Auth::Off);
    service.knobs.store_is_away.store(true, Ordering::SeqCst);
    let expected = (503, TEXT.into(), "objectstore: unavailable: connection refused\n".into());
    assert_eq!(get(&service, "/ready").await, expected);
}

#[tokio::test]
async fn metrics_count_requests_by_call_and_status() {
    let service = start(Auth::Off);
    for name in ["echo", "echo", "missing", "nope", "panic"] {
        Request::call(name).send(service.address).await;
    }
    let (status, content_type, text) = get(&service, "/metrics").await;
    assert_eq!((status, content_type.as_str()), (200, "text/plain; version=0.0.4"));
    for line in [
        "catgraft_requests_total{call=\"echo\",status=\"200\"} 2",
        "catgraft_requests_total{call=\"missing\",status=\"404\"} 1",
        "catgraft_requests_total{call=\"none\",status=\"400\"} 1",
        "catgraft_requests_total{call=\"panic\",status=\"500\"} 1",
        "catgraft_request_seconds_count{call=\"echo\"} 2",
        "catgraft_build_info{service=\"metastore\",version=\"1.2.3\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
}

#[tokio::test]
async fn other_paths_are_not_found_in_plain_text() {
    let service = start(Auth::Off);
    for path in ["/", "/metastore", "/healthy", "/favicon.ico"] {
        let (status, content_type, _) = get(&service, path).await;
        assert_eq!((status, content_type.as_str()), (404, TEXT), "{path}");
    }
}
