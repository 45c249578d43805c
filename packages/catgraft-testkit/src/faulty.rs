//! An object store that fails when it is told to, around any other.
//!
//! Faults are armed by number or drawn from a seed, so that a run can be repeated. A put can fail before it has its
//! effect or after it: the second is the answer that got lost, and callers must be right in both cases.

#[cfg(test)]
mod tests;

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use catgraft_objects::{Error, ExtraRequests, KeyPrefix, ObjectKey, ObjectMeta, ObjectStore, Operation, Payload, Verb};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::SmallRng};

/// A store that fails when it is told to.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    plan: Mutex<Plan>,
}

/// Every fault is this error's source.
#[derive(Debug, thiserror::Error)]
#[error("a fault was injected")]
struct Injected;

struct Plan {
    is_unavailable: bool,
    puts_to_fail_before: u64,
    puts_to_fail_after: u64,
    gets_to_fail: u64,
    deletes_to_fail: u64,
    chance: f64,
    random: SmallRng,
    faults: u64,
}

/// What becomes of one request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Succeed,
    FailBefore,
    FailAfter,
}

impl Faulty {
    /// A store that does not fail yet. The seed decides what [`Faulty::fail_by_chance`] draws.
    pub fn new(inner: Arc<dyn ObjectStore>, seed: u64) -> Self {
        let plan = Plan {
            is_unavailable: false,
            puts_to_fail_before: 0,
            puts_to_fail_after: 0,
            gets_to_fail: 0,
            deletes_to_fail: 0,
            chance: 0.0,
            random: SmallRng::seed_from_u64(seed),
            faults: 0,
        };
        Self { inner, plan: Mutex::new(plan) }
    }

    /// The next `count` puts fail and store nothing.
    pub fn fail_puts_before_effect(&self, count: u64) {
        self.plan.lock().puts_to_fail_before = count;
    }

    /// The next `count` puts that are not failed before their effect store their object and fail all the same.
    pub fn fail_puts_after_effect(&self, count: u64) {
        self.plan.lock().puts_to_fail_after = count;
    }

    /// The next `count` reads fail.
    pub fn fail_gets(&self, count: u64) {
        self.plan.lock().gets_to_fail = count;
    }

    /// The next `count` deletes fail and remove nothing.
    pub fn fail_deletes(&self, count: u64) {
        self.plan.lock().deletes_to_fail = count;
    }

    /// From now on each request fails with this probability, half of the puts and deletes after their effect.
    pub fn fail_by_chance(&self, probability: f64) {
        self.plan.lock().chance = probability.clamp(0.0, 1.0);
    }

    /// Takes the store away, or brings it back. While it is away every request fails before its effect.
    pub fn set_unavailable(&self, is_unavailable: bool) {
        self.plan.lock().is_unavailable = is_unavailable;
    }

    /// How many requests were made to fail so far.
    pub fn faults(&self) -> u64 {
        self.plan.lock().faults
    }

    async fn pass<T>(&self, operation: Operation, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let fate = self.plan.lock().decide(&operation);
        let fault = Error::Unavailable { operation, source: Injected.into() };
        match fate {
            Fate::Succeed => request.await,
            Fate::FailBefore => Err(fault),
            Fate::FailAfter => request.await.and(Err(fault)),
        }
    }
}

impl Plan {
    fn decide(&mut self, operation: &Operation) -> Fate {
        let fate = match operation {
            _ if self.is_unavailable => Fate::FailBefore,
            Operation::Put(_) if take(&mut self.puts_to_fail_before) => Fate::FailBefore,
            Operation::Put(_) if take(&mut self.puts_to_fail_after) => Fate::FailAfter,
            Operation::Get(_) if take(&mut self.gets_to_fail) => Fate::FailBefore,
            Operation::Delete(_) if take(&mut self.deletes_to_fail) => Fate::FailBefore,
            _ if self.chance > 0.0 && self.random.random_bool(self.chance) => self.draw_moment(operation),
            _ => Fate::Succeed,
        };
        self.faults += u64::from(fate != Fate::Succeed);
        fate
    }

    fn draw_moment(&mut self, operation: &Operation) -> Fate {
        let has_effect = matches!(operation, Operation::Put(_) | Operation::Delete(_));
        if has_effect && self.random.random() { Fate::FailAfter } else { Fate::FailBefore }
    }
}

fn take(count: &mut u64) -> bool {
    let is_left = *count > 0;
    *count = count.saturating_sub(1);
    is_left
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error> {
        self.pass(Operation::Put(key.clone()), self.inner.put(key, payload)).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error> {
        self.pass(Operation::Get(key.clone()), self.inner.get_range(key, range)).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        self.pass(Operation::Get(key.clone()), self.inner.get(key)).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, Error> {
        self.pass(Operation::Head(key.clone()), self.inner.head(key)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.pass(Operation::Delete(key.clone()), self.inner.delete(key)).await
    }

    async fn list(&self, prefix: KeyPrefix, after: Option<&ObjectKey>, limit: usize) -> Result<Vec<ObjectMeta>, Error> {
        self.pass(Operation::List(prefix), self.inner.list(prefix, after, limit)).await
    }

    async fn probe(&self) -> Result<(), Error> {
        self.pass(Operation::Probe, self.inner.probe()).await
    }

    fn extra_requests(&self, verb: Verb) -> ExtraRequests {
        self.inner.extra_requests(verb)
    }
}
