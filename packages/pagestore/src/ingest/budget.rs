//! The memory that pages on their way to the store may take, over all requests.
//!
//! A request holds a share for one run before it reads the run, and the share goes with the run until it is
//! stored. A run that is in the queue never waits for a request, so shares always come back.

use std::time::Duration;

use catgraft_core::{ByteSize, PAGE_SIZE};
use catgraft_service::room::{Full, Queue, Room};

pub(crate) use catgraft_service::room::Share;

/// Pages of a run. A request of at most so many is decoded whole before any of it is stored.
pub(crate) const RUN_PAGES: usize = 256;

/// Longest that a push which has begun waits for memory: others store their pages meanwhile, and what it pushed so far would
/// be pushed again. Below the time that a client waits for an answer.
const NEXT_SHARE_WAIT: Duration = Duration::from_secs(20);

/// Memory of pages that are not stored yet, counted in pages.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Room);

impl Budget {
    /// A budget of this size, at least one run, with this queue before it.
    pub(crate) fn new(size: ByteSize, queue: Queue) -> Self {
        let pages = usize::try_from(size.as_bytes()).unwrap_or(usize::MAX) / PAGE_SIZE;
        Self(Room::new(pages.max(RUN_PAGES), queue))
    }

    /// The memory of the first run of a push: of `bytes`, or of a full one where that is less.
    pub(crate) async fn first_share(&self, bytes: usize) -> Result<Share, Full> {
        self.0.take(run_pages(bytes)).await
    }

    /// The memory of a further run.
    pub(crate) async fn next_share(&self, bytes: usize) -> Result<Share, Full> {
        self.0.take_within(run_pages(bytes), NEXT_SHARE_WAIT).await
    }

    /// Bytes of memory in use.
    pub(crate) fn memory_usage(&self) -> usize {
        self.0.used() * PAGE_SIZE
    }
}

fn run_pages(bytes: usize) -> usize {
    bytes.div_ceil(PAGE_SIZE).clamp(1, RUN_PAGES)
}
