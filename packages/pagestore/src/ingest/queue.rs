//! Which runs share a segment, and when a segment is sealed.
//!
//! Runs gather in batches in the order they come. A batch goes out at once where an upload slot is free; under
//! load it gathers what arrives until a slot is, and so requests share uploads exactly as much as the store is busy. Of
//! small uploads few are worth having at a time: each waits for the disk or the store as long as a large one.
//! Who pays for every upload may set a least interval between them: then a batch that is not full waits for its end.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use catgraft_core::{PageSet, SegmentId, VolumeId, limits::SEGMENT_PAGES_MAX};
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

/// Runs that wait for the queue's attention; the memory of their pages is bounded by the budget.
const WAITING_MAX: usize = 1024;

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

/// Takes runs and brings them to the store. Cheap to clone; when the last clone is gone, what was taken is
/// finished and the task ends.
#[derive(Debug, Clone)]
pub(crate) struct Ingest {
    queue: mpsc::Sender<Pending>,
}

impl Ingest {
    /// Starts the queue with so many uploads at a time, and this interval between them.
    pub(crate) fn start(
        upload: Arc<Upload>,
        uploads_max: usize,
        interval: Duration,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        (Self { queue }, tokio::spawn(work(waiting, upload, uploads_max.max(1), Pace::new(interval))))
    }

    /// Takes a run. The receiver tells where it was stored; it fails only where the queue is gone.
    pub(crate) async fn push(
        &self,
        request: RequestNumber,
        run: Run,
        share: Share,
    ) -> oneshot::Receiver<Result<Stored, Arc<UploadError>>> {
        let (done, receiver) = oneshot::channel();
        // Where the queue is gone, `done` is dropped and the receiver says so.
        let _ = self.queue.send(Pending { request, run, share, done }).await;
        receiver
    }
}

async fn work(mut waiting: mpsc::Receiver<Pending>, upload: Arc<Upload>, uploads_max: usize, mut pace: Pace) {
    let mut batches = VecDeque::new();
    let mut uploads = JoinSet::new();
    let mut open = true;
    while open || !uploads.is_empty() {
        let wait = pace.wait(&batches, Instant::now());
        tokio::select! {
            // In the order in which they stand, so that a simulation can be repeated.
            biased;
            Some(upload) = uploads.join_next() => {
                // Its requests are told that nobody answers.
                if let Err(error) = upload {
                    tracing::error!(error = %error, "an upload ended without an outcome");
                }
            }
            pending = waiting.recv(), if open => match pending {
                Some(pending) => {
                    gather(&mut batches, pending);
                    while let Ok(pending) = waiting.try_recv() {
                        gather(&mut batches, pending);
                    }
                }
                None => open = false,
            },
            () = sleep_until(wait.unwrap_or_else(Instant::now)), if wait.is_some() => {}
        }
        let now = Instant::now();
        // At the end nothing more comes that could be gathered.
        while uploads.len() < slots(&batches, uploads_max) && (!open || pace.wait(&batches, now).is_none()) {
            let Some(batch) = batches.pop_front() else { break };
            pace.went(now);
            uploads.spawn(Arc::clone(&upload).run(batch));
        }
    }
}
