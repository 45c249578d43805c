//! Seals batches: compresses and hashes their pages, those of a small run as soon as it is there, and those of a large one off
//! the threads that answer.

use std::{
    num::NonZeroUsize,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use catgraft_core::PAGE_SIZE;
use catgraft_segment::{Compression, PackedRun, PushError, SealedSegment, SegmentBuilder};
use tokio::sync::Semaphore;

use super::{
    decoder::Run,
    queue::{Batch, Pending},
};

/// At most so many pages are packed where they are: that takes less than half a millisecond, and the way to another thread and
/// back is a good part of what a few pages take. A small run is packed when it comes, while its pages are in the processor's
/// cache, and not when its batch goes: an upload is shorter for it, and another may follow the sooner.
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

    /// The run as a segment stores it, where it is so small that this is done where it came.
    pub(crate) fn pack_small(&self, run: &Run) -> Option<PackedRun> {
        // One that can't be packed is refused when its batch is sealed.
        (run.indexes.len() <= INLINE_PAGES_MAX).then(|| pack(self.compression, run).ok()).flatten()
    }

    /// The batch as a segment. The batch comes back, because its requests wait for their answers.
    pub(crate) async fn seal(&self, mut batch: Batch) -> (Batch, Result<SealedSegment, PushError>) {
        let unpacked = batch.pending.iter().filter(|pending| pending.packed.is_none());
        let left: usize = unpacked.map(|pending| pending.run.indexes.len()).sum();
        let compression = self.compression;
        let (batch, sealed) = if left <= INLINE_PAGES_MAX {
            let sealed = seal(compression, &mut batch);
            (batch, sealed)
        } else {
            let _thread = self.threads.acquire().await;
            let sealing = tokio::task::spawn_blocking(move || {
                let sealed = seal(compression, &mut batch);
                (batch, sealed)
            });
            sealing.await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
        };
        if let Ok(sealed) = &sealed {
            let pages: usize = batch.pending.iter().map(|pending| pending.run.indexes.len()).sum();
            self.counts.page_bytes.fetch_add((pages * PAGE_SIZE) as u64, Ordering::Relaxed);
            self.counts.stored_bytes.fetch_add(sealed.summary.index_offset, Ordering::Relaxed);
        }
        (batch, sealed)
    }
}

fn seal(compression: Compression, batch: &mut Batch) -> Result<SealedSegment, PushError> {
    let mut builder = SegmentBuilder::new();
    for Pending { run, packed, .. } in &mut batch.pending {
        builder.push_packed(packed.take().map_or_else(|| pack(compression, run), Ok)?)?;
    }
    Ok(builder.finish())
}

fn pack(compression: Compression, run: &Run) -> Result<PackedRun, PushError> {
    PackedRun::pack(compression, run.vid, &run.indexes, &run.data)
}
