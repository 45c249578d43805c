//! Sends a read a second time when its answer is late, and takes whichever comes first: one slow machine of the store is
//! not one slow reader.
//!
//! Late is later than the 95th percentile of recent reads of that size; and of a hundred reads no more than a few may be
//! sent twice, so that a store that is slow altogether does not get twice the work. When, is decided in `decision`.

mod decision;

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::decision::Decision;
use crate::{
    error::{Error, Verb},
    key::{KeyPrefix, ObjectKey},
    payload::Payload,
    store::{ExtraRequests, ObjectMeta, ObjectStore},
};

/// A store whose late reads are sent twice. Reads of ranges only: how long another may take is not known beforehand.
pub struct Hedged {
    inner: Arc<dyn ObjectStore>,
    decision: Mutex<Decision>,
}

impl Hedged {
    /// Hedges at most so many of a hundred reads of `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>, percent: u32) -> Self {
        Self { inner, decision: Mutex::new(Decision::new(percent)) }
    }
}

#[async_trait]
impl ObjectStore for Hedged {
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error> {
        self.inner.put(key, payload).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error> {
        let bytes = range.end.saturating_sub(range.start);
        let begun = Instant::now();
        let late = self.decision.lock().begin(bytes);
        let mut first = self.inner.get_range(key, range.clone());
        let in_time = match late {
            Some(late) => tokio::time::timeout_at(begun + late, &mut first).await.ok(),
            None => Some((&mut first).await),
        };
        let answer = match in_time {
            Some(answer) => answer,
            None if !self.decision.lock().may_hedge() => first.await,
            None => {
                let mut second = self.inner.get_range(key, range);
                // The first to succeed; where neither does, what the first said.
                tokio::select! {
                    answer = &mut first => if answer.is_ok() { answer } else { second.await.or(answer) },
                    answer = &mut second => if answer.is_ok() { answer } else { first.await },
                }
            }
        };
        if answer.is_ok() {
            self.decision.lock().end(bytes, begun.elapsed());
        }
        answer
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
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
        let inner = self.inner.extra_requests(verb);
        let own = if verb == Verb::Get { self.decision.lock().hedges() } else { 0 };
        ExtraRequests { hedges: inner.hedges + own, ..inner }
    }
}
