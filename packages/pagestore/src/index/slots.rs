//! The volume indexes in use: one a volume, with its lock, its weight in memory, and when it was used last.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use catgraft_core::VolumeId;
use parking_lot::Mutex;

use super::{volume::VolumeIndex, volumes::Failure};

/// A volume's index, with the lock that makes extending it a single flight.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) index: VolumeIndex,
    /// Held by whoever extends the index, moves its versions to the file or merges its runs; inside, how the last flight failed.
    pub(super) extending: tokio::sync::Mutex<Option<Failure>>,
    /// Flights that have ended.
    pub(super) flights: AtomicU64,
    /// The tick of its last use.
    used: AtomicU64,
    /// Bytes of memory that it was counted with.
    weight: AtomicUsize,
}

/// All indexes in use.
#[derive(Debug, Default)]
pub(super) struct Slots {
    entered: Mutex<HashMap<VolumeId, Arc<Slot>>>,
    weight: AtomicUsize,
    /// Counts uses, so that the least recently used is known.
    ticks: AtomicU64,
}

impl Slots {
    /// The index of a volume, an empty one where there was none, which is used now.
    pub(super) fn enter(&self, vid: VolumeId) -> Arc<Slot> {
        let slot = Arc::clone(self.entered.lock().entry(vid).or_default());
        slot.used.store(self.ticks.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        slot
    }

    /// Counts an index that has another size. One that was dropped meanwhile is not: those who read it keep it for themselves.
    pub(super) fn weigh(&self, vid: VolumeId, slot: &Arc<Slot>) {
        let weight = slot.index.holding().total();
        let entered = self.entered.lock();
        if entered.get(&vid).is_some_and(|entered| Arc::ptr_eq(entered, slot)) {
            let before = slot.weight.swap(weight, Ordering::Relaxed);
            // Only under the lock, so nothing comes between.
            self.weight.store(self.weight() + weight - before, Ordering::Relaxed);
        }
    }

    /// Drops an index, and says whether it was there; those who read it keep it for themselves.
    pub(super) fn forget(&self, vid: VolumeId, slot: &Arc<Slot>) -> bool {
        let mut entered = self.entered.lock();
        let is_entered = entered.get(&vid).is_some_and(|entered| Arc::ptr_eq(entered, slot));
        if is_entered {
            entered.remove(&vid);
            self.weight.store(self.weight() - slot.weight.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
        is_entered
    }

    /// Bytes of memory that they take together.
    pub(super) fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    /// All of them, the least recently used first.
    pub(super) fn by_age(&self) -> Vec<(VolumeId, Arc<Slot>)> {
        let mut all: Vec<_> = self.entered.lock().iter().map(|(vid, slot)| (*vid, Arc::clone(slot))).collect();
        // Once for each, since it may change meanwhile.
        all.sort_by_cached_key(|(_, slot)| slot.used.load(Ordering::Relaxed));
        all
    }
}
