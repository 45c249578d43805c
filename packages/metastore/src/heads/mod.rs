//! The newest LSNs of volumes in memory, for the call that idle clients make all day: is there anything after this LSN?
//!
//! Invariants: an entry is never ahead of the catalog, because it comes from there; it is behind only for as long as
//! an announcement takes, because entries are used only while the announcements of all other metastores are heard. A
//! [`Moment`] ties what was read from the catalog to the time at which it was read: what was read before the
//! announcements broke off is not remembered after. Nothing here does I/O; [`follow`] keeps the heads in step.

pub mod follow;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    mem,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use catgraft_core::{Lsn, VolumeId};
use parking_lot::RwLock;

/// Number of shards, each with a lock of its own. A shard is picked by the last byte of a volume's id.
const SHARDS: usize = 64;

/// The newest LSNs known.
pub struct Heads {
    /// Odd while the heads are trusted; counts up whenever that changes.
    epoch: AtomicU64,
    shards: Vec<RwLock<Shard>>,
    generation_max: usize,
}

/// A time during which the heads are trusted without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(u64);

/// Two generations of entries: when the young one is full it becomes the old one, and the old one, which nobody asked
/// for since, is forgotten.
#[derive(Default)]
struct Shard {
    young: HashMap<VolumeId, Head>,
    old: HashMap<VolumeId, Head>,
}

struct Head {
    lsn: Lsn,
    /// Asked for since the last sweep.
    polled: AtomicBool,
}

impl Heads {
    /// No heads yet, room for about this many, and no trust yet.
    pub fn new(entries_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { epoch: AtomicU64::new(0), shards, generation_max: (entries_max / SHARDS / 2).max(1) }
    }

    /// Begins to trust: from now on all announcements are heard.
    pub fn trust(&self) -> Moment {
        let before = self.epoch.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |epoch| Some((epoch + 1) | 1));
        Moment((before.expect("the update always has a value") + 1) | 1)
    }

    /// Forgets everything and remembers nothing until [`Heads::trust`]: announcements may be lost.
    pub fn distrust(&self) {
        // The epoch first: whoever remembers a head looks at it under the lock that is taken below.
        let next = |epoch: u64| (!epoch.is_multiple_of(2)).then_some(epoch + 1);
        if self.epoch.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).is_ok() {
            for shard in &self.shards {
                *shard.write() = Shard::default();
            }
        }
    }

    /// The present time, to be taken before the catalog is asked; none while nothing is trusted.
    pub fn moment(&self) -> Option<Moment> {
        let epoch = self.epoch.load(Ordering::SeqCst);
        (!epoch.is_multiple_of(2)).then_some(Moment(epoch))
    }

    /// Remembers that a volume had this head at that moment or after it.
    pub fn observe(&self, moment: Option<Moment>, vid: VolumeId, lsn: Lsn) {
        let Some(moment) = moment else { return };
        let mut shard = self.shard(&vid).write();
        if self.moment() == Some(moment) {
            shard.insert(vid, lsn, self.generation_max);
        }
    }

    /// The head of a volume, where it is known for certain.
    pub fn newest(&self, vid: &VolumeId) -> Option<Lsn> {
        self.moment()?;
        let shard = self.shard(vid);
        {
            let shard = shard.read();
            if let Some(head) = shard.young.get(vid) {
                return Some(head.poll());
            }
            if !shard.old.contains_key(vid) {
                return None;
            }
        }
        // Asked for again: it is moved to the young ones, where it stays for longer.
        let mut shard = shard.write();
        let lsn = shard.old.get(vid)?.lsn;
        shard.insert(*vid, lsn, self.generation_max);
        shard.young.get(vid).map(Head::poll)
    }

    /// The volumes that were asked for since this was called last.
    pub fn take_polled(&self) -> Vec<VolumeId> {
        let mut polled = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            let heads = shard.young.iter().chain(&shard.old);
            polled.extend(heads.filter(|(_, head)| head.polled.swap(false, Ordering::Relaxed)).map(|(vid, _)| *vid));
        }
        polled
    }

    /// How many heads are known.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Is no head known?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, vid: &VolumeId) -> &RwLock<Shard> {
        let [.., last] = vid.as_bytes();
        &self.shards[usize::from(*last) % SHARDS]
    }
}

impl Shard {
    fn insert(&mut self, vid: VolumeId, lsn: Lsn, generation_max: usize) {
        let moved = self.old.remove(&vid);
        if let Some(head) = self.young.get_mut(&vid) {
            head.lsn = head.lsn.max(lsn);
            return;
        }
        if self.young.len() >= generation_max {
            self.old = mem::take(&mut self.young);
        }
        let head = match moved {
            Some(head) => Head { lsn: head.lsn.max(lsn), ..head },
            None => Head { lsn, polled: AtomicBool::new(false) },
        };
        self.young.insert(vid, head);
    }

    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

impl Head {
    fn poll(&self) -> Lsn {
        // Most polls find it set; reading is cheaper than writing a line that all workers share.
        if !self.polled.load(Ordering::Relaxed) {
            self.polled.store(true, Ordering::Relaxed);
        }
        self.lsn
    }
}
