//! What all connections of a double share: its objects, its switches, its faults, its counts.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use bytes::Bytes;
use catgraft_core::{Clock, SystemClock};
use parking_lot::Mutex;
use s3s::{
    S3Result,
    dto::{ETag, Timestamp},
    s3_error,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{fault::Faults, latency::Waits, tally::Tally};

/// What is wrong with the whole double, until it is switched off again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Nothing is read, written, done or answered; connections are taken and hang.
    pub frozen: bool,
    /// There is no bucket. Its objects are there again when it is.
    pub bucket_gone: bool,
    /// The access key is not known.
    pub credentials_revoked: bool,
    /// Lists tell what was there when this was switched on.
    pub list_stale: bool,
}

/// Objects by their keys.
pub(super) type Objects = BTreeMap<String, Stored>;

/// One object.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) bytes: Bytes,
    pub(super) etag: ETag,
    pub(super) modified: Timestamp,
}

impl Stored {
    pub(super) fn new(bytes: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let etag = ETag::Strong(format!("{:016x}-{}", hasher.finish(), bytes.len()));
        Self { bytes, etag, modified: SystemClock.now().to_system_time().into() }
    }

    pub(super) fn len(&self) -> i64 {
        self.bytes.len() as i64
    }
}

/// The state of a double.
pub(super) struct World {
    pub(super) bucket: String,
    pub(super) tally: Tally,
    pub(super) faults: Mutex<Faults>,
    pub(super) waits: Mutex<Waits>,
    switches: watch::Sender<Switches>,
    objects: Mutex<Objects>,
    /// What lists tell while they are stale.
    listed: Mutex<Option<Objects>>,
}

impl World {
    pub(super) fn new(bucket: String, faults: Faults, waits: Waits) -> Self {
        Self {
            bucket,
            tally: Tally::default(),
            faults: Mutex::new(faults),
            waits: Mutex::new(waits),
            switches: watch::Sender::new(Switches::default()),
            objects: Mutex::default(),
            listed: Mutex::default(),
        }
    }

    pub(super) fn switches(&self) -> Switches {
        *self.switches.borrow()
    }

    /// To be told of every change.
    pub(super) fn watch(&self) -> watch::Receiver<Switches> {
        self.switches.subscribe()
    }

    pub(super) fn switch(&self, change: impl FnOnce(&mut Switches)) -> Switches {
        self.switches.send_modify(|switches| {
            let was_stale = switches.list_stale;
            change(switches);
            if switches.list_stale != was_stale {
                *self.listed.lock() = switches.list_stale.then(|| self.objects.lock().clone());
            }
        });
        self.switches()
    }

    /// Waits until the double is not frozen.
    pub(super) async fn thawed(&self) {
        let mut switches = self.watch();
        switches.wait_for(|switches| !switches.frozen).await.expect("the sender lives as long as this");
    }

    /// Works on the objects of a bucket.
    pub(super) fn in_bucket<T>(&self, bucket: &str, work: impl FnOnce(&mut Objects) -> T) -> S3Result<T> {
        match bucket == self.bucket && !self.switches().bucket_gone {
            true => Ok(work(&mut self.objects.lock())),
            false => Err(s3_error!(NoSuchBucket)),
        }
    }

    /// Works on what a list of a bucket tells.
    pub(super) fn in_list<T>(&self, bucket: &str, work: impl FnOnce(&Objects) -> T) -> S3Result<T> {
        self.in_bucket(bucket, |objects| match &*self.listed.lock() {
            Some(listed) => work(listed),
            None => work(objects),
        })
    }

    pub(super) fn find(&self, bucket: &str, key: &str) -> S3Result<Stored> {
        self.in_bucket(bucket, |objects| objects.get(key).cloned())?.ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// How many objects there are, and their bytes.
    pub(super) fn stored(&self) -> (u64, u64) {
        let objects = self.objects.lock();
        (objects.len() as u64, objects.values().map(|stored| stored.bytes.len() as u64).sum())
    }
}
