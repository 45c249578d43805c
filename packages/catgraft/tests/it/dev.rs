//! `dev`: both services in one process, from start to stop and back.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    thread,
};

use catgraft_core::{PAGE_SIZE, PageSet};
use catgraft_proto::graft::{
    common::v1::GraftErrCode,
    metastore::v1::{PullGraftRequest, SnapshotRequest},
    pagestore::v1::{PageAtIdx, WritePagesRequest},
};
use prost::Message as _;
use tempfile::TempDir;

use crate::support::{Dev, Ran, catgraft, connect, get, new_vid, wire};

#[tokio::test]
async fn what_is_pushed_can_be_pulled_also_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("data");
    let vid = new_vid(folder.path());
    let dev = Dev::start(&dir, &[]);
    assert_eq!(dev.token, None);
    for url in [&dev.metastore, &dev.pagestore] {
        assert_eq!(get(url, "/ready").0, "HTTP/1.1 200 OK");
        assert_eq!(get(url, "/health"), ("HTTP/1.1 200 OK".to_owned(), "OK\n".to_owned()));
    }
    dev.push(vid, None, &[(1, 11), (2, 12)]).await;
    dev.push(vid, Some(1), &[(2, 22), (3, 23)]).await;
    assert_eq!(dev.read(vid, 2, &[1, 2, 3]).await, [(1, 11), (2, 22), (3, 23)]);
    assert_eq!(dev.stop().code(), Some(0));

    let dev = Dev::start(&dir, &[]);
    let pull = PullGraftRequest { vid: wire(vid), range: None };
    let pulled = dev.metastore_client().pull_graft(&pull).await.unwrap();
    assert_eq!(pulled.snapshot.unwrap().lsn, 2);
    let pages: Vec<_> = PageSet::decode(&pulled.graft, 10).unwrap().iter().map(|page| page.get()).collect();
    assert_eq!(pages, [1, 2, 3]);
    assert_eq!(dev.read(vid, 2, &[1, 2, 3]).await, [(1, 11), (2, 22), (3, 23)]);
    assert_eq!(dev.read(vid, 1, &[1, 2, 3]).await, [(1, 11), (2, 12)]);
    dev.push(vid, Some(2), &[(1, 31), (2, 32), (3, 33)]).await;
    assert_eq!(dev.stop().code(), Some(0));
}

#[tokio::test]
async fn with_auth_calls_need_the_token_and_the_key_is_kept_for_the_owner_only() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("data");
    let vid = new_vid(folder.path());
    let mut dev = Dev::start(&dir, &["--auth"]);
    let token = dev.token.clone().unwrap();
    dev.push(vid, None, &[(1, 1)]).await;
    assert_eq!(dev.read(vid, 1, &[1]).await, [(1, 1)]);
    dev.token = None;
    let error = dev.metastore_client().snapshot(&SnapshotRequest { vid: wire(vid), lsn: None }).await.unwrap_err();
    let is_refused =
        matches!(&error, catgraft_client::Error::Refused { status: 401, code: GraftErrCode::Unauthorized, .. });
    assert!(is_refused, "{error}");
    dev.stop();

    let key = dir.join("auth.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let key = key.to_str().unwrap();
    assert_eq!(Ran::new(folder.path(), &["validate-token", "--sk-file", key, &token]).ok(), "subject  dev\n");
    let mut dev = Dev::start(&dir, &["--auth"]);
    dev.token = Some(token);
    assert_eq!(dev.read(vid, 1, &[1]).await, [(1, 1)]);
}

#[test]
fn a_push_that_was_accepted_is_finished_after_sigterm() {
    let folder = TempDir::new().unwrap();
    let dev = Dev::start(&folder.path().join("data"), &[]);
    let page = PageAtIdx { pageidx: 1, data: vec![7; PAGE_SIZE].into() };
    let body = WritePagesRequest { vid: wire(new_vid(folder.path())), pages: vec![page] }.encode_to_vec();
    let mut push = connect(&dev.pagestore).unwrap();
    write!(
        push,
        "POST /pagestore/v1/write_pages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n\
         Content-Length: {}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    )
    .unwrap();
    let mut accepted = [0; 25];
    push.read_exact(&mut accepted).unwrap();
    assert_eq!(&accepted, b"HTTP/1.1 100 Continue\r\n\r\n");

    dev.terminate();
    while connect(&dev.pagestore).is_ok() {
        thread::yield_now();
    }
    assert_eq!(get(&dev.metastore, "/health").0, "HTTP/1.1 200 OK");
    push.write_all(&body).unwrap();
    let mut answer = Vec::new();
    push.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(dev.wait().code(), Some(0));
}

#[test]
fn a_second_one_on_the_same_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("data");
    let dev = Dev::start(&dir, &[]);
    let arguments = ["dev", "--dir", "data", "--metastore-port=0", "--pagestore-port=0"];
    assert_eq!(
        Ran::new(folder.path(), &arguments).refusal(),
        "data is in use by another `catgraft dev`: stop it, or choose another folder with --dir"
    );
    assert_eq!(dev.stop().code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let arguments = ["dev", "--metastore-port=0", "--pagestore-port", &port.to_string()];
    let line = Ran::new(folder.path(), &arguments).refusal();
    let begin = format!("the pagestore cannot listen on 127.0.0.1:{port} (--pagestore-port chooses another port): ");
    assert!(line.starts_with(&begin), "{line}");
}

#[test]
fn a_key_file_without_a_key_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join(".catgraft")).unwrap();
    fs::write(folder.path().join(".catgraft/auth.key"), "").unwrap();
    let mut command = catgraft(folder.path());
    command.args(["dev", "--auth", "--metastore-port=0", "--pagestore-port=0"]);
    let line = Ran::of(&mut command).refusal();
    assert_eq!(line, ".catgraft/auth.key holds no key: a key is 64 hex digits, this has 0 characters");
}
