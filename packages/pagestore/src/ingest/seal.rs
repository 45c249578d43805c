//! Seals batches: compresses and hashes their pages, off the threads that answer where there are many.

use std::{
    num::NonZeroUsize,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use catgraft_core::PAGE_SIZE;
use catgraft_segment::{Compression, PushError, SealedSegment, SegmentBuilder};
use tokio::sync::Semaphore;

use super::queue::{Batch, Pending};

/// Batches of at most so many pages are sealed where they are: that takes less than half a millisecond, and the way to
/// another thread and back is a good part of what a small batch takes.
pub(super) const INLINE_PAGES_MAX: usize = 32;

/// What sealing did so far.
#[derive(Debug, Default)]
pub(crate) struct SealCounts {
    page_bytes: AtomicU64,
    stored_bytes: AtomicU64,
}

impl SealCounts {
    /// Bytes of the pages that were sealed.
    pub(crate) fn page_bytes(&self) -> u64 {
        self.page_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that they take in segments.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.stored_bytes.load(Ordering::Relaxed)
    }
}

/// Seals batches.
#[derive(Debug)]
pub(crate) struct Sealer {
    compression: Compression,
    /// Large batches that are sealed at a time: half of the cores is left to those who answer.
    threads: Semaphore,
    counts: Arc<SealCounts>,
}

impl Sealer {
    /// A sealer that stores pages in this way.
    pub(crate) fn new(compression: Compression) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { compression, threads: Semaphore::new((cores / 2).max(1)), counts: Arc::default() }
    }

    /// What it did so far.
    pub(crate) fn counts(&self) -> Arc<SealCounts> {
        Arc::clone(&self.counts)
    }

    /// The batch as a segment. The batch comes back, because its requests wait for their answers.
    pub(crate) async fn seal(&self, batch: Batch) -> (Batch, Result<SealedSegment, PushError>) {
        let pages: usize = batch.pending.iter().map(|pending| pending.run.indexes.len()).sum();
        let compression = self.compression;
        let (batch, sealed) = if pages <= INLINE_PAGES_MAX {
            let sealed = seal(compression, &batch);
            (batch, sealed)
        } else {
            let _thread = self.threads.acquire().await;
            let sealing = tokio::task::spawn_blocking(move || {
                let sealed = seal(compression, &batch);
                (batch, sealed)
            });
            sealing.await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
        };
        if let Ok(sealed) = &sealed {
            self.counts.page_bytes.fetch_add((pages * PAGE_SIZE) as u64, Ordering::Relaxed);
            self.counts.stored_bytes.fetch_add(sealed.summary.index_offset, Ordering::Relaxed);
        }
        (batch, sealed)
    }
}

fn seal(compression: Compression, batch: &Batch) -> Result<SealedSegment, PushError> {
    let mut builder = SegmentBuilder::with_compression(compression);
    for Pending { run, .. } in &batch.pending {
        builder.push_run(run.vid, &run.indexes, run.data.clone())?;
    }
    Ok(builder.finish())
}
