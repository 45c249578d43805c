//! Runs of pages as they were pushed, until others take their place: first in, first out.
//!
//! Most of what is pushed is never read here: the client that pushed it has it. So a run is kept as it came, at the price of one
//! entry, and only a page that is read is copied out of it, to where pages are kept that are read again.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, PageIndex, SegmentId, VolumeId};
use parking_lot::Mutex;

/// What a run costs in memory beside its pages and their indexes.
const RUN_OVERHEAD: usize = 256;

/// A run of one volume, as a segment holds it.
#[derive(Debug)]
pub(crate) struct PushedRun {
    /// Index of each page, in the order of the data.
    pub(crate) indexes: Vec<PageIndex>,
    /// The pages' data.
    pub(crate) data: Bytes,
    /// Bytes of memory that the data takes, which may be more than its length.
    pub(crate) capacity: usize,
}

impl PushedRun {
    fn memory_len(&self) -> usize {
        self.capacity + self.indexes.capacity() * size_of::<PageIndex>() + RUN_OVERHEAD
    }

    fn page(&self, index: PageIndex) -> Option<Bytes> {
        let place = self.indexes.iter().position(|found| *found == index)?;
        Some(self.data.slice(place * PAGE_SIZE..(place + 1) * PAGE_SIZE))
    }
}

/// What was pushed last.
#[derive(Debug)]
pub(super) struct Pushed {
    memory_max: usize,
    runs: Mutex<Runs>,
}

type Key = (SegmentId, VolumeId);

#[derive(Debug, Default)]
struct Runs {
    /// Of each key the oldest first. One has several where a request was larger than a run.
    by_key: HashMap<Key, VecDeque<PushedRun>>,
    /// The keys of all runs, the oldest first.
    order: VecDeque<Key>,
    memory: usize,
}

impl Pushed {
    /// No runs yet, and at most so many bytes of them.
    pub(super) fn new(memory_max: usize) -> Self {
        Self { memory_max, runs: Mutex::default() }
    }

    /// Keeps a run; the oldest make room for it. One that is larger than all of the memory does not stay.
    pub(super) fn insert(&self, sid: SegmentId, vid: VolumeId, run: PushedRun) {
        let mut leaving = Vec::new();
        let mut runs = self.runs.lock();
        runs.memory += run.memory_len();
        runs.order.push_back((sid, vid));
        runs.by_key.entry((sid, vid)).or_default().push_back(run);
        while runs.memory > self.memory_max {
            leaving.extend(runs.remove_oldest());
        }
        drop(runs);
        // Their memory goes back where nobody waits for the lock.
        drop(leaving);
    }

    /// The page, as a slice of its run.
    pub(super) fn get(&self, sid: SegmentId, vid: VolumeId, index: PageIndex) -> Option<Bytes> {
        let runs = self.runs.lock();
        runs.by_key.get(&(sid, vid))?.iter().find_map(|run| run.page(index))
    }

    /// Bytes of memory in use.
    pub(super) fn memory_usage(&self) -> usize {
        self.runs.lock().memory
    }
}

impl Runs {
    fn remove_oldest(&mut self) -> Option<PushedRun> {
        let key = self.order.pop_front()?;
        let of_key = self.by_key.get_mut(&key)?;
        let run = of_key.pop_front()?;
        if of_key.is_empty() {
            self.by_key.remove(&key);
        }
        self.memory -= run.memory_len();
        Some(run)
    }
}
