//! The way to the object store: late, without an answer before the effect or after it, and sometimes with an effect that
//! comes minutes after the error.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use catgraft_objects::{Error, KeyPrefix, ObjectKey, ObjectMeta, ObjectStore, Operation, Payload};

use super::Way;
use crate::{process::Process, sabotage::Sabotage, world::World};

/// Longest that a request which was given up may still be on its way.
const LATE_MAX: Duration = Duration::from_secs(10 * 60);

/// The store, as one process sees it.
pub(crate) struct StoreDoor {
    pub(crate) world: Arc<World>,
    pub(crate) process: Arc<Process>,
}

impl StoreDoor {
    /// One request. `late` is its effect, where it has one that may come after all.
    async fn request<T>(
        &self,
        operation: Operation,
        late: impl FnOnce() -> Option<Late>,
        effect: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Self { world, process } = self;
        let way = Way { world, process, is_away: World::store_is_away, fault: world.plan.store_fault };
        let late = || late().map(|late| late.happen(Arc::clone(world)));
        let answer = way.go(&operation, late, effect).await;
        answer.unwrap_or_else(|lost| Err(Error::Unavailable { operation, source: lost.into() }))
    }
}

/// A write that was given up and is still on its way.
enum Late {
    Put(ObjectKey, Payload),
    Delete(ObjectKey),
}

impl Late {
    async fn happen(self, world: Arc<World>) {
        tokio::time::sleep(world.dice.time(LATE_MAX)).await;
        // Whoever made the store errors forgot it, or it is done: neither has anybody who would hear it.
        let _ = match &self {
            Late::Put(key, payload) => {
                world.trace.tell(format_args!("put {key} arrives late"));
                world.store.put(key, payload.clone()).await
            }
            Late::Delete(key) => {
                world.trace.tell(format_args!("delete {key} arrives late"));
                world.store.delete(key).await
            }
        };
    }
}

#[async_trait]
impl ObjectStore for StoreDoor {
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error> {
        if self.world.sabotaged(Sabotage::LoseObject) {
            return Ok(());
        }
        let late = || Some(Late::Put(key.clone(), payload.clone()));
        self.request(Operation::Put(key.clone()), late, self.world.store.put(key, payload.clone())).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error> {
        self.request(Operation::Get(key.clone()), || None, self.world.store.get_range(key, range)).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        self.request(Operation::Get(key.clone()), || None, self.world.store.get(key)).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, Error> {
        self.request(Operation::Head(key.clone()), || None, self.world.store.head(key)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.world.count(|counts| &mut counts.removed);
        let late = || Some(Late::Delete(key.clone()));
        self.request(Operation::Delete(key.clone()), late, self.world.store.delete(key)).await
    }

    async fn list(&self, prefix: KeyPrefix, after: Option<&ObjectKey>, limit: usize) -> Result<Vec<ObjectMeta>, Error> {
        self.request(Operation::List(prefix), || None, self.world.store.list(prefix, after, limit)).await
    }

    async fn probe(&self) -> Result<(), Error> {
        self.request(Operation::Probe, || None, self.world.store.probe()).await
    }
}
