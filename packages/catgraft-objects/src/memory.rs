//! A store in this process's memory: for tests and for trying things out. What it holds is gone with the process.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::{
    error::{Error, range_len},
    key::{KeyPrefix, ObjectKey},
    payload::Payload,
    store::{ObjectMeta, ObjectStore},
};

/// Objects in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    objects: Mutex<BTreeMap<ObjectKey, Bytes>>,
}

impl MemoryStore {
    /// A store without objects.
    pub fn new() -> Self {
        Self::default()
    }

    fn find(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        self.objects.lock().get(key).cloned().ok_or_else(|| Error::NotFound { key: key.clone() })
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error> {
        let whole = payload.to_bytes();
        self.objects.lock().insert(key.clone(), whole);
        Ok(())
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error> {
        let len = range_len(key, &range)?;
        let object = self.find(key)?;
        let got = (object.len() as u64).saturating_sub(range.start).min(len);
        if got < len {
            return Err(Error::Short { key: key.clone(), range, got });
        }
        // Both ends lie within the object, so they are lengths of something in memory.
        Ok(object.slice(range.start as usize..range.end as usize))
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        self.find(key)
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, Error> {
        let len = self.find(key)?.len() as u64;
        Ok(ObjectMeta { key: key.clone(), len })
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.objects.lock().remove(key);
        Ok(())
    }

    async fn list(&self, prefix: KeyPrefix, after: Option<&ObjectKey>, limit: usize) -> Result<Vec<ObjectMeta>, Error> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let objects = self.objects.lock();
        let found = objects
            .range::<ObjectKey, _>((start, Bound::Unbounded))
            .filter(|(key, _)| key.as_str().starts_with(prefix.as_str()))
            .take(limit)
            .map(|(key, object)| ObjectMeta { key: key.clone(), len: object.len() as u64 });
        Ok(found.collect())
    }

    async fn probe(&self) -> Result<(), Error> {
        Ok(())
    }
}
