//! The store or the metastore is away: 503, and work goes on when it is back; a damaged segment: 500, and no wrong page.

use std::{sync::Arc, time::Duration};

use catgraft_client::Error;
use catgraft_core::{Lsn, PageCount, PageIndex, SegmentId};
use catgraft_objects::{KeyPrefix, MemoryStore, ObjectKey, ObjectStore, Payload};
use catgraft_proto::graft::common::v1::GraftErrCode;
use catgraft_testkit::{faulty::Faulty, model::page_content};
use tokio_util::sync::CancellationToken;

use crate::support::{Client, House, new_vid, pages_of, start_pagestore};

fn code_of<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (u16, GraftErrCode, String) {
    match outcome.expect_err("the call is refused") {
        Error::Refused { status, code, message, .. } => (status, code, message),
        other => panic!("{other}"),
    }
}

async fn ready(url: &str) -> (u16, String) {
    let answer = reqwest::get(format!("{url}/ready")).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// What `/ready` says is up to a second old.
async fn until_ready_is(url: &str, status: u16) -> String {
    loop {
        let (found, text) = ready(url).await;
        if found == status {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_writes_are_503_and_go_on_when_it_is_back() {
    let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new()), 1));
    let house = House::with_store(store.clone(), &[]).await;
    let client = house.client();
    let vid = new_vid();
    store.set_unavailable(true);
    let (status, code, message) = code_of(client.write(vid, [(PageIndex::FIRST, 1)]).await);
    assert_eq!((status, code), (503, GraftErrCode::ServiceUnavailable), "{message}");
    let text = until_ready_is(&house.pagestore_url, 503).await;
    assert!(text.contains("objectstore: unavailable"), "{text}");
    assert_eq!(reqwest::get(format!("{}/health", house.pagestore_url)).await.unwrap().status(), 200);
    store.set_unavailable(false);
    let segments = client.write(vid, [(PageIndex::FIRST, 1)]).await.unwrap();
    client.commit(vid, None, PageCount::new(1), segments).await.unwrap();
    until_ready_is(&house.pagestore_url, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_not_acknowledged() {
    let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new()), 1));
    let house = House::with_store(store.clone(), &[]).await;
    let client = house.client();
    store.fail_puts_after_effect(1);
    let (status, code, _) = code_of(client.write(new_vid(), [(PageIndex::FIRST, 1)]).await);
    assert_eq!((status, code), (503, GraftErrCode::ServiceUnavailable));
    client.write(new_vid(), [(PageIndex::FIRST, 1)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_metastore_calls_are_503_and_cached_pages_are_still_read() {
    let mut house = House::start().await;
    let client = house.client();
    let vid = new_vid();
    let segments = client.write(vid, [(PageIndex::FIRST, 5)]).await.unwrap();
    let lsn = client.commit(vid, None, PageCount::new(1), segments).await.unwrap();
    client.read(vid, lsn, &pages_of(&[1])).await.unwrap();
    house.metastore_stop.cancel();
    house.metastore.take().unwrap().await.unwrap();
    let (status, code, _) = code_of(client.write(vid, [(PageIndex::FIRST, 6)]).await);
    assert_eq!((status, code), (503, GraftErrCode::ServiceUnavailable));
    let (status, code, _) = code_of(client.read(vid, Lsn::new(2).unwrap(), &pages_of(&[1])).await);
    assert_eq!((status, code), (503, GraftErrCode::ServiceUnavailable));
    let read = client.read(vid, lsn, &pages_of(&[1])).await.unwrap();
    assert_eq!(read, [(PageIndex::FIRST, page_content(5))]);
    let text = until_ready_is(&house.pagestore_url, 503).await;
    assert!(text.contains("metastore: unavailable"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_named_and_gives_no_page() {
    let objects = Arc::new(MemoryStore::new());
    let house = House::with_store(objects.clone(), &[]).await;
    let client = house.client();
    let vid = new_vid();
    let segments = client.write(vid, [(PageIndex::FIRST, 5)]).await.unwrap();
    let sid = SegmentId::try_from(segments[0].sid.as_ref()).unwrap();
    let lsn = client.commit(vid, None, PageCount::new(1), segments).await.unwrap();
    let key = ObjectKey::segment(sid);
    let whole = objects.get(&key).await.unwrap();
    // First and last byte of the page, and one of the index: behind the page are 48 bytes of index and 80 of footer.
    let page_end = whole.len() - 48 - 80;
    for at in [0, page_end - 1, page_end + 20] {
        let mut damaged = whole.to_vec();
        damaged[at] ^= 1;
        objects.put(&key, Payload::from(bytes::Bytes::from(damaged))).await.unwrap();
        let stop = CancellationToken::new();
        let (url, _) = start_pagestore(&house.metastore_url, objects.clone(), &[], stop.clone()).await;
        let fresh = Client::new(&house.metastore_url, &url, catgraft_client::Retry::NEVER);
        let (status, code, message) = code_of(fresh.read(vid, lsn, &pages_of(&[1])).await);
        assert_eq!((status, code), (500, GraftErrCode::Server), "byte {at}");
        assert!(message.contains(&sid.to_string()), "{message}");
        stop.cancel();
    }
    assert_eq!(objects.list(KeyPrefix::SEGMENTS, None, 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_stores_nothing() {
    let objects = Arc::new(MemoryStore::new());
    let house = House::with_store(objects.clone(), &[]).await;
    let (first, second) = (PageIndex::FIRST, PageIndex::FIRST);
    let (status, ..) = code_of(house.client().write(new_vid(), [(first, 1), (second, 2)]).await);
    assert_eq!(status, 400);
    assert_eq!(objects.list(KeyPrefix::ALL, None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_finishes_what_was_accepted() {
    let mut house = House::start().await;
    let client = house.client();
    let vid = new_vid();
    let pushes: Vec<_> = (0..20)
        .map(|seed| {
            let client = client.clone();
            tokio::spawn(async move { client.write(vid, [(PageIndex::FIRST, seed)]).await })
        })
        .collect();
    house.pagestore_stop.cancel();
    house.pagestore.take().unwrap().await.unwrap();
    for push in pushes {
        // A push was answered or never accepted; none was cut off with an answer that is no answer.
        match push.await.unwrap() {
            Ok(segments) => assert_eq!(segments.len(), 1),
            Err(error) => assert!(matches!(error, Error::Transport { .. }), "{error}"),
        }
    }
}
