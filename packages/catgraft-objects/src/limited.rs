//! Bounds how many requests run at once, so that a burst of readers or writers waits here, in order, and not in a
//! thousand connections.

use std::{num::NonZeroUsize, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    error::{Error, Verb},
    key::{KeyPrefix, ObjectKey},
    payload::Payload,
    store::{ExtraRequests, ObjectMeta, ObjectStore},
};

/// How many requests may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Reads of objects.
    pub gets_max: NonZeroUsize,
    /// Writes of objects.
    pub puts_max: NonZeroUsize,
}

/// A store that lets only so many reads and writes through at once. The other verbs are rare and pass freely.
pub struct Limited {
    inner: Arc<dyn ObjectStore>,
    gets: Semaphore,
    puts: Semaphore,
}

impl Limited {
    /// Bounds what runs in `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>, limits: Limits) -> Self {
        let semaphore = |max: NonZeroUsize| Semaphore::new(max.get().min(Semaphore::MAX_PERMITS));
        Self { inner, gets: semaphore(limits.gets_max), puts: semaphore(limits.puts_max) }
    }
}

async fn turn(semaphore: &Semaphore) -> SemaphorePermit<'_> {
    semaphore.acquire().await.expect("the semaphores are never closed")
}

#[async_trait]
impl ObjectStore for Limited {
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error> {
        let _turn = turn(&self.puts).await;
        self.inner.put(key, payload).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error> {
        let _turn = turn(&self.gets).await;
        self.inner.get_range(key, range).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        let _turn = turn(&self.gets).await;
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

    fn extra_requests(&self, verb: Verb) -> ExtraRequests {
        self.inner.extra_requests(verb)
    }
}
