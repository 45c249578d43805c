//! Counts what is asked of a store: for `/metrics`, and for tests that say how many requests something may cost.

use std::{
    future::Future,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    error::{Error, Verb},
    key::{KeyPrefix, ObjectKey},
    payload::Payload,
    store::{ExtraRequests, ObjectMeta, ObjectStore},
};

/// A store that counts requests to the one inside.
pub struct Counting {
    inner: Arc<dyn ObjectStore>,
    counts: Arc<Counts>,
}

/// Running totals since the store was made, by verb.
pub struct Counts {
    by_verb: [VerbTotals; Verb::ALL.len()],
    /// Knows what was sent beyond what was asked.
    inner: Arc<dyn ObjectStore>,
}

/// The totals of one verb.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerbCounts {
    /// Requests begun, repeats and hedges included: what the store has to answer, and charges for.
    pub requests: u64,
    /// Those of them that were sent again because the one before failed.
    pub repeats: u64,
    /// Those of them that were sent beside one whose answer was late.
    pub hedges: u64,
    /// Calls that ended in an error, [`Error::NotFound`] included.
    pub errors: u64,
    /// Bytes of objects that successful calls carried.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct VerbTotals {
    calls: AtomicU64,
    errors: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    /// The totals of a verb at this moment.
    pub fn of(&self, verb: Verb) -> VerbCounts {
        let totals = &self.by_verb[verb as usize];
        let ExtraRequests { repeats, hedges } = self.inner.extra_requests(verb);
        VerbCounts {
            requests: totals.calls.load(Ordering::Relaxed) + repeats + hedges,
            repeats,
            hedges,
            errors: totals.errors.load(Ordering::Relaxed),
            bytes: totals.bytes.load(Ordering::Relaxed),
        }
    }

    async fn count<T>(
        &self,
        verb: Verb,
        bytes_of: impl FnOnce(&T) -> u64,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let totals = &self.by_verb[verb as usize];
        totals.calls.fetch_add(1, Ordering::Relaxed);
        let answer = request.await;
        match &answer {
            Ok(value) => totals.bytes.fetch_add(bytes_of(value), Ordering::Relaxed),
            Err(_) => totals.errors.fetch_add(1, Ordering::Relaxed),
        };
        answer
    }
}

impl Counting {
    /// Counts what is asked of `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        let counts = Arc::new(Counts { by_verb: Default::default(), inner: Arc::clone(&inner) });
        Self { inner, counts }
    }

    /// The totals, to be read at any time.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error> {
        let len = payload.len();
        self.counts.count(Verb::Put, |()| len, self.inner.put(key, payload)).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error> {
        self.counts.count(Verb::Get, |bytes| bytes.len() as u64, self.inner.get_range(key, range)).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        self.counts.count(Verb::Get, |bytes| bytes.len() as u64, self.inner.get(key)).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, Error> {
        self.counts.count(Verb::Head, |_| 0, self.inner.head(key)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.counts.count(Verb::Delete, |()| 0, self.inner.delete(key)).await
    }

    async fn list(&self, prefix: KeyPrefix, after: Option<&ObjectKey>, limit: usize) -> Result<Vec<ObjectMeta>, Error> {
        self.counts.count(Verb::List, |_| 0, self.inner.list(prefix, after, limit)).await
    }

    async fn probe(&self) -> Result<(), Error> {
        self.counts.count(Verb::Probe, |()| 0, self.inner.probe()).await
    }

    fn extra_requests(&self, verb: Verb) -> ExtraRequests {
        self.inner.extra_requests(verb)
    }
}
