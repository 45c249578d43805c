//! The indexes of segments, in memory.

use std::sync::Arc;

use catgraft_core::{ByteSize, SegmentId};
use catgraft_segment::SegmentIndex;
use foyer::{Cache, CacheBuilder, S3FifoConfig};

/// What an entry costs in memory beside its index.
const ENTRY_OVERHEAD: usize = 160;

/// Indexes by segment. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SegmentCache(Cache<SegmentId, Arc<SegmentIndex>>);

impl SegmentCache {
    /// A cache of this size.
    pub(crate) fn new(limit: ByteSize) -> Self {
        let limit = usize::try_from(limit.as_bytes()).unwrap_or(usize::MAX);
        let cache = CacheBuilder::new(limit.max(1))
            .with_name("segments")
            .with_shards(8)
            .with_eviction_config(S3FifoConfig::default())
            .with_weighter(|_: &SegmentId, index: &Arc<SegmentIndex>| index.memory_len() + ENTRY_OVERHEAD)
            .build();
        Self(cache)
    }

    /// The index, where it is known.
    pub(crate) fn get(&self, sid: SegmentId) -> Option<Arc<SegmentIndex>> {
        self.0.get(&sid).map(|entry| Arc::clone(entry.value()))
    }

    /// Keeps an index.
    pub(crate) fn insert(&self, sid: SegmentId, index: Arc<SegmentIndex>) {
        self.0.insert(sid, index);
    }

    /// Bytes of memory in use.
    pub(crate) fn memory_usage(&self) -> usize {
        self.0.usage()
    }
}
