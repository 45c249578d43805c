//! The memory that pages on their way to the store may take, over all requests.
//!
//! A request holds a share for one run before it reads the run, and the share goes with the run until it is
//! stored. A run that is in the queue never waits for a request, so shares always come back.

use std::sync::Arc;

use catgraft_core::{ByteSize, PAGE_SIZE};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Pages of a run. A request of at most so many is decoded whole before any of it is stored.
pub(crate) const RUN_PAGES: usize = 256;

/// Memory of pages that are not stored yet, counted in pages.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// A part of the budget; comes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl Budget {
    /// A budget of this size, at least one run.
    pub(crate) fn new(size: ByteSize) -> Self {
        let pages = usize::try_from(size.as_bytes()).unwrap_or(usize::MAX) / PAGE_SIZE;
        Self(Arc::new(Semaphore::new(pages.clamp(RUN_PAGES, Semaphore::MAX_PERMITS))))
    }

    /// Waits for the memory of one run: of `bytes`, or of a full one where that is less.
    pub(crate) async fn share(&self, bytes: usize) -> Share {
        let pages = bytes.div_ceil(PAGE_SIZE).clamp(1, RUN_PAGES);
        let pages = u32::try_from(pages).expect("a run has few pages");
        Share(self.0.clone().acquire_many_owned(pages).await.ok())
    }
}
