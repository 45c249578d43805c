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

#[cfg(test)]
mod tests {
    use catgraft_core::Timestamp;

    use super::*;

    fn sid(number: u64) -> SegmentId {
        SegmentId::from_parts(Timestamp::from_millis(number), [1; 9])
    }

    fn vid(number: u64) -> VolumeId {
        VolumeId::from_parts(Timestamp::from_millis(number), [2; 9])
    }

    fn index(number: u32) -> PageIndex {
        PageIndex::new(number).unwrap()
    }

    /// A run of these pages, each filled with its own index.
    fn run(pages: &[u32]) -> PushedRun {
        let data: Vec<u8> = pages.iter().flat_map(|page| vec![*page as u8; PAGE_SIZE]).collect();
        let indexes = pages.iter().copied().map(index).collect();
        PushedRun { indexes, capacity: data.len(), data: data.into() }
    }

    fn found(pushed: &Pushed, sid: SegmentId, vid: VolumeId, pages: &[u32]) -> Vec<Option<u8>> {
        pages.iter().map(|page| Some(pushed.get(sid, vid, index(*page))?[PAGE_SIZE - 1])).collect()
    }

    #[test]
    fn a_page_is_found_under_its_segment_and_volume() {
        let pushed = Pushed::new(1 << 20);
        pushed.insert(sid(1), vid(1), run(&[7, 3]));
        pushed.insert(sid(1), vid(2), run(&[4]));
        assert_eq!(found(&pushed, sid(1), vid(1), &[3, 4, 7]), [Some(3), None, Some(7)]);
        assert_eq!(found(&pushed, sid(1), vid(2), &[3, 4]), [None, Some(4)]);
        assert_eq!(found(&pushed, sid(2), vid(1), &[3]), [None]);
    }

    #[test]
    fn the_oldest_make_room_one_run_at_a_time() {
        let of_one = run(&[1, 2]).memory_len();
        let pushed = Pushed::new(3 * of_one);
        // A request that was larger than a run, and others.
        pushed.insert(sid(1), vid(1), run(&[1, 2]));
        pushed.insert(sid(1), vid(1), run(&[3, 4]));
        pushed.insert(sid(2), vid(1), run(&[5, 6]));
        assert_eq!(found(&pushed, sid(1), vid(1), &[1, 4]), [Some(1), Some(4)]);
        pushed.insert(sid(3), vid(1), run(&[7, 8]));
        assert_eq!(found(&pushed, sid(1), vid(1), &[1, 2, 3, 4]), [None, None, Some(3), Some(4)]);
        pushed.insert(sid(4), vid(1), run(&[9, 10]));
        assert_eq!(found(&pushed, sid(1), vid(1), &[3, 4]), [None, None]);
        for (number, pages) in [(2, [5, 6]), (3, [7, 8]), (4, [9, 10])] {
            assert_eq!(found(&pushed, sid(number), vid(1), &pages), pages.map(|page| Some(page as u8)));
        }
        assert_eq!(pushed.memory_usage(), 3 * of_one);
    }

    #[test]
    fn a_run_that_is_too_large_does_not_stay_and_all_of_its_memory_counts() {
        let pushed = Pushed::new(3 * PAGE_SIZE);
        pushed.insert(sid(1), vid(1), run(&[1, 2]));
        pushed.insert(sid(2), vid(1), PushedRun { capacity: 4 * PAGE_SIZE, ..run(&[3]) });
        assert_eq!(found(&pushed, sid(1), vid(1), &[1]), [None]);
        assert_eq!(found(&pushed, sid(2), vid(1), &[3]), [None]);
        assert_eq!(pushed.memory_usage(), 0);
        pushed.insert(sid(3), vid(1), run(&[4]));
        assert_eq!(found(&pushed, sid(3), vid(1), &[4]), [Some(4)]);
    }
}
