//! Which runs share a segment, and when a segment is sealed.
//!
//! Runs gather in batches in the order they come. A batch goes out at once where an upload slot is free; under
//! load it gathers what arrives until a slot is, and so requests share uploads exactly as much as the store is busy. Of
//! small uploads few are worth having at a time: each waits for the disk or the store as long as a large one.
//! Who pays for every upload may set a least interval between them: then a batch that is not full waits for its end.
//!
//! Whoever pushes a run gathers it himself. The task that sends batches out is woken only where one may go: under load it is
//! the end of an upload that wakes it, and not every push. What waits is bounded by the budget that every run has a share of.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use catgraft_core::{PageSet, SegmentId, VolumeId, limits::SEGMENT_PAGES_MAX};
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
/// Uploads under way beside which no small batch goes out. One would leave the store idle between two uploads; with
/// eight, 32 clients that pushed 16 pages each had a fifth less stored a second, in three times as many objects.
const SMALL_UPLOADS_MAX: usize = 2;

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

/// How many uploads may be under way once the oldest batch has gone.
pub(crate) fn slots(batches: &VecDeque<Batch>, uploads_max: usize) -> usize {
    match batches.front() {
        Some(oldest) if batches.len() == 1 && oldest.page_count < SMALL_PAGES => uploads_max.min(SMALL_UPLOADS_MAX),
        _ => uploads_max,
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
    under_way: usize,
    uploads_max: usize,
    pace: Pace,
    /// Nobody sends batches out any more.
    is_over: bool,
}

impl Waiting {
    /// Is there an upload slot for the oldest batch?
    fn has_slot(&self) -> bool {
        !self.batches.is_empty() && self.under_way < slots(&self.batches, self.uploads_max)
    }

    /// The oldest batch, where it goes now. At the end, nothing more comes that could be gathered.
    fn take(&mut self, now: Instant, is_end: bool) -> Option<Batch> {
        if !self.has_slot() || (!is_end && self.pace.wait(&self.batches, now).is_some()) {
            return None;
        }
        self.pace.went(now);
        self.under_way += 1;
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
            under_way: 0,
            uploads_max: uploads_max.max(1),
            pace: Pace::new(interval),
            is_over: false,
        }));
        let (wake, woken) = mpsc::channel(1);
        let task = tokio::spawn(work(Over(Arc::clone(&waiting)), woken, upload));
        (Self { waiting, wake }, task)
    }

    /// Takes a run. The receiver tells where it was stored; it fails only where the queue is gone.
    pub(crate) fn push(
        &self,
        request: RequestNumber,
        run: Run,
        share: Share,
    ) -> oneshot::Receiver<Result<Stored, Arc<UploadError>>> {
        let (done, receiver) = oneshot::channel();
        let pending = Pending { request, run, share, done };
        let mut waiting = self.waiting.lock();
        // Where the queue is gone, `done` is dropped and the receiver says so.
        if !waiting.is_over {
            gather(&mut waiting.batches, pending);
        }
        let may_go = waiting.has_slot();
        drop(waiting);
        if may_go {
            // It fails where the task is to wake already, or is gone.
            let _ = self.wake.try_send(());
        }
        receiver
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
        let wait = {
            let waiting = waiting.lock();
            waiting.pace.wait(&waiting.batches, Instant::now())
        };
        tokio::select! {
            // In the order in which they stand, so that a simulation can be repeated.
            biased;
            Some(upload) = uploads.join_next() => {
                waiting.lock().under_way -= 1;
                // Its requests are told that nobody answers.
                if let Err(error) = upload {
                    tracing::error!(error = %error, "an upload ended without an outcome");
                }
            }
            woken = woken.recv(), if open => open = woken.is_some(),
            () = sleep_until(wait.unwrap_or_else(Instant::now)), if wait.is_some() => {}
        }
        let now = Instant::now();
        while let Some(batch) = { waiting.lock().take(now, !open) } {
            uploads.spawn(Arc::clone(&upload).run(batch));
        }
    }
}
