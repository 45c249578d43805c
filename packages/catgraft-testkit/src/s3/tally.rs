//! What the double counts: requests, bytes, and what S3 would charge for them.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::fault::S3Call;

/// Dollars for a thousand PutObject or ListObjectsV2 (S3 Standard in us-east-1).
const WRITES_DOLLARS_PER_1000: f64 = 0.005;
/// Dollars for a thousand GetObject, HeadObject or HeadBucket. DeleteObject is free.
const READS_DOLLARS_PER_1000: f64 = 0.0004;

/// Requests by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Requests {
    /// PutObject.
    pub puts: u64,
    /// GetObject, with a range or without.
    pub gets: u64,
    /// HeadObject.
    pub heads: u64,
    /// DeleteObject.
    pub deletes: u64,
    /// ListObjectsV2.
    pub lists: u64,
    /// HeadBucket.
    pub head_buckets: u64,
}

impl S3Requests {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.puts + self.gets + self.heads + self.deletes + self.lists + self.head_buckets
    }

    /// What S3 charges for them, without what is stored and what leaves the region.
    pub fn dollars(&self) -> f64 {
        let (writes, reads) = (self.puts + self.lists, self.gets + self.heads + self.head_buckets);
        (writes as f64 * WRITES_DOLLARS_PER_1000 + reads as f64 * READS_DOLLARS_PER_1000) / 1000.0
    }

    fn of(&mut self, call: S3Call) -> &mut u64 {
        match call {
            S3Call::Put => &mut self.puts,
            S3Call::Get => &mut self.gets,
            S3Call::Head => &mut self.heads,
            S3Call::Delete => &mut self.deletes,
            S3Call::List => &mut self.lists,
            S3Call::HeadBucket => &mut self.head_buckets,
        }
    }
}

/// Bytes since the double was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Bytes {
    /// Bytes of objects that were stored.
    pub put: u64,
    /// Bytes of objects in answers.
    pub got: u64,
    /// Bytes that came over connections, heads included.
    pub received: u64,
    /// Bytes that went over connections, heads included.
    pub sent: u64,
}

/// The running totals.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// That arrived, and those of them that were done and are charged for: S3 charges for no failure of its own.
    requests: Mutex<(S3Requests, S3Requests)>,
    put: AtomicU64,
    got: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Tally {
    pub(super) fn arrived(&self, call: S3Call) {
        *self.requests.lock().0.of(call) += 1;
    }

    pub(super) fn charged(&self, call: S3Call) {
        *self.requests.lock().1.of(call) += 1;
    }

    pub(super) fn put(&self, bytes: usize) {
        self.put.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn got(&self, bytes: usize) {
        self.got.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn requests(&self) -> S3Requests {
        self.requests.lock().0
    }

    pub(super) fn dollars(&self) -> f64 {
        self.requests.lock().1.dollars()
    }

    pub(super) fn bytes(&self) -> S3Bytes {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        S3Bytes { put: read(&self.put), got: read(&self.got), received: read(&self.received), sent: read(&self.sent) }
    }
}
