//! What was accepted is finished, and then it is over.

use std::process::Command;

use catgraft_service::{http::Auth, lifecycle};
use tokio::net::TcpStream;

use crate::{
    client::{Connection, Request},
    fixture::start,
};

#[tokio::test]
async fn a_request_that_was_accepted_is_finished_and_idle_connections_do_not_hold_the_server() {
    let service = start(Auth::Off);
    let mut idle = Connection::open(service.address).await;
    assert_eq!(idle.exchange(&Request::call("echo")).await.status, 200);
    let mut busy = Connection::open(service.address).await;
    busy.send(&Request::call("wait")).await;
    service.knobs.waiting.notified().await;

    service.shutdown.cancel();
    idle.closed().await;
    assert!(!service.served.is_finished());
    service.knobs.go_on.notify_one();
    assert_eq!(busy.receive().await.status, 200);
    busy.closed().await;
    service.served.await.unwrap().unwrap();
    assert!(TcpStream::connect(service.address).await.is_err());
}

#[tokio::test]
async fn a_server_without_requests_ends_when_it_is_told() {
    let service = start(Auth::Off);
    service.shutdown.cancel();
    service.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn sigterm_cancels_the_token() {
    let shutdown = lifecycle::shutdown_signal().unwrap();
    assert!(!shutdown.is_cancelled());
    let status = Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status().unwrap();
    assert!(status.success());
    shutdown.cancelled().await;
}
