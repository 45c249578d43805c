//! Which runs share a segment, and when a segment is sealed.
//!
//! Runs gather in batches in the order they come. A batch goes out at once where an upload slot is free; under
//! load it gathers what arrives until a slot is, and so requests share uploads exactly as much as the store is busy. Of
//! small uploads few are worth having at a time: each waits for the disk or the store as long as a large one. Two are, where the
//! store is far away, so that it is not idle between them; where it answers within milliseconds, one is.
//! Who pays for every upload may set a least interval between them: then a batch that is not full waits for its end.
//!
//! Whoever pushes a run gathers it himself. The task that sends batches out is woken only where one may go, and where a new
//! one waits for a moment: under load it is the end of an upload that wakes it, and not every push. What waits is bounded by
//! the budget that every run has a share of.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use catgraft_core::{PageSet, SegmentId, VolumeId, limits::SEGMENT_PAGES_MAX};
use catgraft_segment::PackedRun;
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    budget::Share,
    decoder::Run,
    upload::{Upload, UploadError},
};

/// A batch of fewer pages is small, while it may still gather: what is in it takes less to send than to wait for.
const SMALL_PAGES: u64 = 256;
/// Uploads under way beside which no small batch goes out. One would leave a store that is far away idle between two uploads;
/// with eight, 32 clients that pushed 16 pages each had a fifth less stored a second, in three times as many objects.
const SMALL_UPLOADS_MAX: usize = 2;
/// An upload that takes less is quick, and a small batch rather waits for its end than goes beside it: it gathers meanwhile, and
/// each upload costs as much processor time as some pushes. Longer than an upload to a disk, shorter than one over a network.
pub(crate) const QUICK_UPLOAD: Duration = Duration::from_millis(20);

/// Tells requests apart while they are in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestNumber(pub(crate) u64);

/// Where a run was stored.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// The segment.
    pub(crate) sid: SegmentId,
    /// The run's pages.
    pub(crate) pages: PageSet,
}

/// A run with what belongs to it until it is stored.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) request: RequestNumber,
    pub(crate) run: Run,
    /// The run as its segment will store it, where that is known already.
    pub(crate) packed: Option<PackedRun>,
    pub(crate) share: Share,
    pub(crate) done: oneshot::Sender<Result<Stored, Arc<UploadError>>>,
}

/// Runs that become one segment.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) pending: Vec<Pending>,
    writers: HashMap<VolumeId, RequestNumber>,
    page_count: u64,
}

impl Batch {
    /// May this run join? Pages of two requests of one volume never share a segment.
    fn has_room_for(&self, pending: &Pending) -> bool {
        let fits = self.page_count + pending.run.indexes.len() as u64 <= SEGMENT_PAGES_MAX;
        let alone = self.writers.get(&pending.run.vid).is_none_or(|writer| *writer == pending.request);
        fits && alone
    }

    fn push(&mut self, pending: Pending) {
        self.page_count += pending.run.indexes.len() as u64;
        self.writers.insert(pending.run.vid, pending.request);
        self.pending.push(pending);
    }
}

/// Puts a run where it belongs: into the newest batch that gathers, or into a new one.
pub(crate) fn gather(batches: &mut VecDeque<Batch>, pending: Pending) {
    match batches.back_mut() {
        Some(last) if last.has_room_for(&pending) => last.push(pending),
        _ => {
            let mut batch = Batch::default();
            batch.push(pending);
            batches.push_back(batch);
        }
    }
}

/// The uploads under way.
#[derive(Debug)]
pub(crate) struct Uploads {
    max: usize,
    under_way: usize,
    newest_began: Option<Instant>,
    /// Was the last one that ended?
    are_quick: bool,
}

impl Uploads {
    /// None under way, and at most so many. Until one has ended, they are taken to be quick.
    pub(crate) fn new(max: usize) -> Self {
        Self { max: max.max(1), under_way: 0, newest_began: None, are_quick: true }
    }

    /// From when on the oldest batch may be uploaded, as long as no upload ends before; none where it may not.
    pub(crate) fn free_from(&self, batches: &VecDeque<Batch>, now: Instant) -> Option<Instant> {
        let oldest = batches.front()?;
        let is_small = batches.len() == 1 && oldest.page_count < SMALL_PAGES;
        let max = if is_small { self.max.min(SMALL_UPLOADS_MAX) } else { self.max };
        match self.newest_began {
            _ if self.under_way >= max => None,
            Some(began) if is_small && self.under_way > 0 && self.are_quick => Some(now.max(began + QUICK_UPLOAD)),
            _ => Some(now),
        }
    }

    /// One begins.
    pub(crate) fn began(&mut self, now: Instant) {
        self.under_way += 1;
        self.newest_began = Some(now);
    }

    /// One ended, which took so long, or broke off.
    pub(crate) fn ended(&mut self, took: Option<Duration>) {
        self.under_way -= 1;
        self.are_quick = took.map_or(self.are_quick, |took| took < QUICK_UPLOAD);
    }
}

/// The least interval between uploads.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, next: None }
    }

    /// Until when the oldest batch waits; none where it goes now. One that has another behind it gathers no more.
    pub(crate) fn wait(&self, batches: &VecDeque<Batch>, now: Instant) -> Option<Instant> {
        self.next.filter(|next| batches.len() == 1 && *next > now)
    }

    /// A batch goes.
    pub(crate) fn went(&mut self, now: Instant) {
        self.next = now.checked_add(self.interval);
    }
}

/// What waits for an upload, and what decides when it goes.
#[derive(Debug)]
struct Waiting {
    batches: VecDeque<Batch>,
    uploads: Uploads,
    pace: Pace,
    /// Nobody sends batches out any more.
    is_over: bool,
}

impl Waiting {
    /// When the oldest batch goes, as long as nothing happens before.
    fn goes_at(&self, now: Instant) -> Option<Instant> {
        let free_from = self.uploads.free_from(&self.batches, now)?;
        Some(self.pace.wait(&self.batches, now).map_or(free_from, |paced| paced.max(free_from)))
    }

    /// Is the task to look, now that a run was pushed? Where a batch goes; and where a new one goes later, so that it knows when.
    fn is_due_to_push(&self, now: Instant) -> bool {
        let is_new = self.batches.back().is_some_and(|newest| newest.pending.len() == 1);
        self.goes_at(now).is_some_and(|goes_at| is_new || goes_at <= now)
    }

    /// The oldest batch, where it goes now. At the end, nothing more comes that could be gathered.
    fn take(&mut self, now: Instant, is_end: bool) -> Option<Batch> {
        let goes_at = if is_end { self.uploads.free_from(&self.batches, now) } else { self.goes_at(now) };
        if goes_at.is_none_or(|goes_at| goes_at > now) {
            return None;
        }
        self.pace.went(now);
        self.uploads.began(now);
        self.batches.pop_front()
    }
}

/// Takes runs and brings them to the store. Cheap to clone; when the last clone is gone, what was taken is
/// finished and the task ends.
#[derive(Debug, Clone)]
pub(crate) struct Ingest {
    waiting: Arc<Mutex<Waiting>>,
    /// Wakes the task. One that is not taken yet is enough.
    wake: mpsc::Sender<()>,
    upload: Arc<Upload>,
}

impl Ingest {
    /// Starts the queue with so many uploads at a time, and this interval between them.
    pub(crate) fn start(
        upload: Arc<Upload>,
        uploads_max: usize,
        interval: Duration,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let waiting = Arc::new(Mutex::new(Waiting {
            batches: VecDeque::new(),
            uploads: Uploads::new(uploads_max),
            pace: Pace::new(interval),
            is_over: false,
        }));
        let (wake, woken) = mpsc::channel(1);
        let task = tokio::spawn(work(Over(Arc::clone(&waiting)), woken, Arc::clone(&upload)));
        (Self { waiting, wake, upload }, task)
    }

    /// Takes a run, and packs it where that takes no longer than others may wait. The receiver tells where it was stored; it
    /// fails only where the queue is gone.
    pub(crate) fn push(
        &self,
        request: RequestNumber,
        run: Run,
        share: Share,
    ) -> oneshot::Receiver<Result<Stored, Arc<UploadError>>> {
        let (done, receiver) = oneshot::channel();
        let packed = self.upload.sealer.pack_small(&run);
        let pending = Pending { request, run, packed, share, done };
        let mut waiting = self.waiting.lock();
        // Where the queue is gone, `done` is dropped and the receiver says so.
        if !waiting.is_over {
            gather(&mut waiting.batches, pending);
        }
        let is_due = waiting.is_due_to_push(Instant::now());
        drop(waiting);
        if is_due {
            // It fails where the task is to wake already, or is gone.
            let _ = self.wake.try_send(());
        }
        receiver
    }
}

#[cfg(test)]
impl Ingest {
    /// How many uploads are under way.
    pub(super) fn under_way(&self) -> usize {
        self.waiting.lock().uploads.under_way
    }

    /// Of each run that waits whether it is packed.
    pub(super) fn are_packed(&self) -> Vec<bool> {
        let waiting = self.waiting.lock();
        waiting.batches.iter().flat_map(|batch| &batch.pending).map(|pending| pending.packed.is_some()).collect()
    }
}

/// However the task ends: nobody waits for it any longer.
struct Over(Arc<Mutex<Waiting>>);

impl Drop for Over {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.is_over = true;
        waiting.batches.clear();
    }
}

async fn work(waiting: Over, mut woken: mpsc::Receiver<()>, upload: Arc<Upload>) {
    let Over(waiting) = &waiting;
    let mut uploads = JoinSet::new();
    let mut open = true;
    while open || !uploads.is_empty() {
        let goes_at = waiting.lock().goes_at(Instant::now());
        tokio::select! {
            // In the order in which they stand, so that a simulation can be repeated.
            biased;
            Some(took) = uploads.join_next() => {
                // Its requests are told that nobody answers.
                let took = took.inspect_err(|error| tracing::error!(%error, "an upload ended without an outcome"));
                waiting.lock().uploads.ended(took.ok());
            }
            woken = woken.recv(), if open => open = woken.is_some(),
            () = sleep_until(goes_at.unwrap_or_else(Instant::now)), if goes_at.is_some() => {}
        }
        let now = Instant::now();
        while let Some(batch) = { waiting.lock().take(now, !open) } {
            let upload = Arc::clone(&upload);
            uploads.spawn(async move {
                upload.run(batch).await;
                now.elapsed()
            });
        }
    }
}
