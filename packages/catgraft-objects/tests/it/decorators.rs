//! What the decorators add to the store inside.

use std::{
    num::NonZeroUsize,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use catgraft_objects::{
    Counting, Error, KeyPrefix, Limited, Limits, MemoryStore, ObjectKey, ObjectMeta, ObjectStore, Payload, Verb,
    VerbCounts,
    conformance::{content, key},
};
use futures::future::join_all;
use tokio::sync::Barrier;

#[tokio::test]
async fn requests_errors_and_bytes_are_counted_by_verb() {
    let store = Counting::new(Arc::new(MemoryStore::new()));
    let counts = store.counts();
    store.put(&key(1), Payload::from(content(1, 1000))).await.unwrap();
    store.get_range(&key(1), 0..100).await.unwrap();
    store.get(&key(1)).await.unwrap();
    store.get(&key(2)).await.unwrap_err();
    store.get_range(&key(1), 900..1001).await.unwrap_err();
    store.head(&key(1)).await.unwrap();
    store.delete(&key(1)).await.unwrap();
    store.list(KeyPrefix::ALL, None, 10).await.unwrap();
    store.probe().await.unwrap();

    let seen = Verb::ALL.map(|verb| {
        let VerbCounts { requests, errors, bytes, .. } = counts.of(verb);
        (verb.as_str(), requests, errors, bytes)
    });
    let expected = [
        ("put", 1, 0, 1000),
        ("get", 4, 2, 1100),
        ("head", 1, 0, 0),
        ("delete", 1, 0, 0),
        ("list", 1, 0, 0),
        ("probe", 1, 0, 0),
    ];
    assert_eq!(seen, expected);
}

/// A store in which reads and writes wait until two are under way, and which remembers how many ever were at once.
struct Pairs {
    inner: MemoryStore,
    barrier: Barrier,
    running: AtomicUsize,
    running_max: AtomicUsize,
}

impl Pairs {
    fn new() -> Self {
        let (running, running_max) = Default::default();
        Self { inner: MemoryStore::new(), barrier: Barrier::new(2), running, running_max }
    }

    async fn meet(&self) {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.running_max.fetch_max(running, Ordering::SeqCst);
        self.barrier.wait().await;
        tokio::task::yield_now().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl ObjectStore for Pairs {
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error> {
        self.meet().await;
        self.inner.put(key, payload).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error> {
        self.meet().await;
        self.inner.get_range(key, range).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        self.meet().await;
        self.inner.get(key).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, Error> {
        self.inner.head(key).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: KeyPrefix, after: Option<&ObjectKey>, limit: usize) -> Result<Vec<ObjectMeta>, Error> {
        self.inner.list(prefix, after, limit).await
    }

    async fn probe(&self) -> Result<(), Error> {
        self.inner.probe().await
    }
}

#[tokio::test]
async fn no_more_than_the_limit_run_at_once_and_all_get_their_turn() {
    let two = NonZeroUsize::new(2).unwrap();
    let many = NonZeroUsize::new(100).unwrap();

    let pairs = Arc::new(Pairs::new());
    let store = Limited::new(pairs.clone(), Limits { gets_max: many, puts_max: two });
    let keys: Vec<ObjectKey> = (0..12).map(key).collect();
    for answer in join_all(keys.iter().map(|key| store.put(key, Payload::from(content(1, 10))))).await {
        answer.unwrap();
    }
    assert_eq!(pairs.running_max.load(Ordering::SeqCst), 2);

    let store = Limited::new(pairs.clone(), Limits { gets_max: two, puts_max: many });
    for answer in join_all(keys.iter().map(|key| store.get_range(key, 0..10))).await {
        answer.unwrap();
    }
    for answer in join_all(keys.iter().map(|key| store.get(key))).await {
        answer.unwrap();
    }
    assert_eq!(pairs.running_max.load(Ordering::SeqCst), 2);
}
