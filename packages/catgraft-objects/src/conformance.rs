//! What every backend must do, as one suite: [`run`] it against a store that holds nothing yet.
//!
//! A case that fails panics where the promise was broken. It is compiled for tests only.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use catgraft_core::{SegmentId, Timestamp};
use tokio::task::JoinSet;

use crate::{Error, KeyPrefix, ObjectKey, ObjectMeta, ObjectStore, Payload};

/// Runs every case. The store must be empty.
pub async fn run(store: Arc<dyn ObjectStore>) {
    probing_a_store_that_is_there_succeeds(&*store).await;
    listing_is_ordered_and_pageable(&*store).await;
    what_was_put_is_read_back(&*store).await;
    an_object_may_be_empty(&*store).await;
    a_range_is_read_exactly(&*store).await;
    a_range_past_the_end_is_short(&*store).await;
    a_range_without_bytes_is_refused(&*store).await;
    a_missing_object_is_not_found(&*store).await;
    putting_again_replaces_the_whole_object(&*store).await;
    deleting_is_idempotent(&*store).await;
    many_small_chunks_make_one_object(&*store).await;
    concurrent_puts_leave_whole_objects(store).await;
}

/// The key of the test segment with this number; the keys of different numbers lie in different folders.
pub fn key(number: u32) -> ObjectKey {
    let spread = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let mut random = [0; 9];
    random[..8].copy_from_slice(&spread);
    ObjectKey::segment(SegmentId::from_parts(Timestamp::from_millis(u64::from(number)), random))
}

/// Bytes that differ from one number to the next and from one place to the next.
pub fn content(number: u32, len: usize) -> Bytes {
    (0..len).map(|at| (at as u32).wrapping_mul(2_654_435_761).wrapping_add(number) as u8 ^ (at >> 8) as u8).collect()
}

async fn put(store: &dyn ObjectStore, number: u32, bytes: &Bytes) -> ObjectKey {
    let key = key(number);
    store.put(&key, Payload::from(bytes.clone())).await.expect("a put succeeds");
    key
}

async fn get(store: &dyn ObjectStore, key: &ObjectKey) -> Bytes {
    store.get(key).await.expect("the object is there")
}

async fn list(store: &dyn ObjectStore, after: Option<&ObjectKey>, limit: usize) -> Vec<ObjectMeta> {
    store.list(KeyPrefix::SEGMENTS, after, limit).await.expect("a list succeeds")
}

async fn probing_a_store_that_is_there_succeeds(store: &dyn ObjectStore) {
    store.probe().await.expect("the store is there");
}

async fn listing_is_ordered_and_pageable(store: &dyn ObjectStore) {
    assert_eq!(list(store, None, 10).await, [], "the suite wants an empty store");
    let mut expected = Vec::new();
    for number in 0..25 {
        let key = put(store, number, &content(number, number as usize)).await;
        expected.push(ObjectMeta { key, len: u64::from(number) });
    }
    expected.sort_by(|a, b| a.key.as_str().cmp(b.key.as_str()));
    assert_eq!(list(store, None, 100).await, expected);
    assert_eq!(store.list(KeyPrefix::ALL, None, 100).await.expect("a list succeeds"), expected);
    assert_eq!(list(store, None, 0).await, []);

    let mut paged = Vec::new();
    loop {
        let after = paged.last().map(|meta: &ObjectMeta| meta.key.clone());
        let page = list(store, after.as_ref(), 7).await;
        let is_last = page.len() < 7;
        paged.extend(page);
        if is_last {
            break;
        }
    }
    assert_eq!(paged, expected);

    let gone = &expected[11].key;
    store.delete(gone).await.expect("a delete succeeds");
    assert_eq!(list(store, Some(gone), 3).await, expected[12..15], "a key that is gone is still a place to go on from");
    for meta in &expected {
        store.delete(&meta.key).await.expect("a delete succeeds");
    }
    assert_eq!(list(store, None, 10).await, []);
}

async fn what_was_put_is_read_back(store: &dyn ObjectStore) {
    let bytes = content(100, 3 * 1024 * 1024 + 17);
    let key = put(store, 100, &bytes).await;
    assert!(get(store, &key).await == bytes);
    assert_eq!(store.head(&key).await.expect("it is there"), ObjectMeta { key, len: bytes.len() as u64 });
}

async fn an_object_may_be_empty(store: &dyn ObjectStore) {
    let key = put(store, 110, &Bytes::new()).await;
    assert_eq!(get(store, &key).await, Bytes::new());
    assert_eq!(store.head(&key).await.expect("it is there").len, 0);
    match store.get_range(&key, 0..1).await {
        Err(Error::Short { got: 0, .. }) => {}
        other => panic!("an empty object has no first byte: {other:?}"),
    }
}

async fn a_range_is_read_exactly(store: &dyn ObjectStore) {
    let bytes = content(120, 10_000);
    let key = put(store, 120, &bytes).await;
    for range in [0..1, 0..4096, 4096..8192, 4097..4098, 9_999..10_000, 0..10_000] {
        let read = store.get_range(&key, range.clone()).await.expect("the range is there");
        assert!(read == bytes.slice(range.start as usize..range.end as usize), "{range:?}");
    }
}

async fn a_range_past_the_end_is_short(store: &dyn ObjectStore) {
    let key = put(store, 130, &content(130, 1000)).await;
    for (asked, there) in [(999..1001, 1), (0..1001, 1000), (1000..1001, 0), (5000..6000, 0), (10..u64::MAX / 2, 990)] {
        match store.get_range(&key, asked.clone()).await {
            Err(Error::Short { key: named, range, got }) => {
                assert_eq!((named, range, got), (key.clone(), asked, there))
            }
            other => panic!("{asked:?} is past the end: {other:?}"),
        }
    }
}

async fn a_range_without_bytes_is_refused(store: &dyn ObjectStore) {
    let key = put(store, 140, &content(140, 10)).await;
    let backwards = std::ops::Range { start: 7, end: 3 };
    for range in [5..5, backwards] {
        match store.get_range(&key, range).await {
            Err(error @ Error::Internal { .. }) => assert!(!error.is_retryable()),
            other => panic!("a range holds a byte: {other:?}"),
        }
    }
}

async fn a_missing_object_is_not_found(store: &dyn ObjectStore) {
    let key = key(150);
    let answers = [store.get(&key).await.err(), store.get_range(&key, 0..1).await.err(), store.head(&key).await.err()];
    for answer in answers {
        match answer {
            Some(error @ Error::NotFound { .. }) => {
                assert!(error.is_not_found() && !error.is_retryable());
                assert!(error.to_string().contains(key.as_str()), "the error names the key: {error}");
            }
            other => panic!("the object is not there: {other:?}"),
        }
    }
}

async fn putting_again_replaces_the_whole_object(store: &dyn ObjectStore) {
    put(store, 160, &content(160, 5000)).await;
    let shorter = content(161, 3000);
    let key = put(store, 160, &shorter).await;
    assert!(get(store, &key).await == shorter);
}

async fn deleting_is_idempotent(store: &dyn ObjectStore) {
    let key = put(store, 170, &content(170, 10)).await;
    store.delete(&key).await.expect("it is there");
    assert!(store.get(&key).await.is_err_and(|error| error.is_not_found()));
    store.delete(&key).await.expect("that it is gone is no error");
}

async fn many_small_chunks_make_one_object(store: &dyn ObjectStore) {
    // More of them than Linux takes in one call, which is 1024.
    let bytes = content(180, 1_000_003);
    let chunks: Payload = (0..bytes.len()).step_by(499).map(|at| bytes.slice(at..bytes.len().min(at + 499))).collect();
    assert_eq!(chunks.len(), bytes.len() as u64);
    let key = key(180);
    store.put(&key, chunks).await.expect("a put succeeds");
    assert!(get(store, &key).await == bytes);
}

async fn concurrent_puts_leave_whole_objects(store: Arc<dyn ObjectStore>) {
    let mut tasks = JoinSet::new();
    for number in 200..232 {
        let store = store.clone();
        // Four writers a key, all with the same content, as it is when an upload is repeated.
        tasks.spawn(async move { put(&*store, number / 4, &content(number / 4, 100_000)).await });
    }
    let keys: BTreeSet<ObjectKey> = tasks.join_all().await.into_iter().collect();
    let listed: Vec<ObjectKey> = list(&*store, None, 1000).await.into_iter().map(|meta| meta.key).collect();
    assert!(keys.iter().all(|key| listed.contains(key)));
    for number in 50..58 {
        assert!(get(&*store, &key(number)).await == content(number, 100_000));
    }
}
