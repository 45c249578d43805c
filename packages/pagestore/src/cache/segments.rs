//! The indexes of segments, in memory.
//!
//! They are many and small where commits are, so this cache is one that takes little for an entry.

use std::sync::Arc;

use catgraft_core::{ByteSize, SegmentId};
use catgraft_segment::SegmentIndex;
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

/// What an entry costs in memory beside its index: 40 bytes in the cache's list, where half of the room may be unused,
/// 8 in its table, and 32 that the allocator adds to the parts of an index.
const ENTRY_OVERHEAD: usize = 96;
/// The usual size of an entry, by which the cache plans its parts.
const ENTRY_USUAL: u64 = 256;
/// Parts of the cache that are locked for themselves. Each must have room for the largest index.
const SHARDS: usize = 8;

/// Indexes by segment. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SegmentCache(Arc<Cache<SegmentId, Arc<SegmentIndex>, MemoryLen>>);

#[derive(Debug, Clone)]
struct MemoryLen;

impl Weighter<SegmentId, Arc<SegmentIndex>> for MemoryLen {
    fn weight(&self, _: &SegmentId, index: &Arc<SegmentIndex>) -> u64 {
        (index.memory_len() + ENTRY_OVERHEAD) as u64
    }
}

impl SegmentCache {
    /// A cache of this size.
    pub(crate) fn new(limit: ByteSize) -> Self {
        let bytes = limit.as_bytes().max(1);
        let options = OptionsBuilder::new()
            .shards(SHARDS)
            .estimated_items_capacity(usize::try_from(bytes / ENTRY_USUAL).unwrap_or(usize::MAX))
            .weight_capacity(bytes)
            .build()
            .expect("what it asks for is set");
        let cache = Cache::with_options(options, MemoryLen, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self(Arc::new(cache))
    }

    /// The index, where it is known.
    pub(crate) fn get(&self, sid: SegmentId) -> Option<Arc<SegmentIndex>> {
        self.0.get(&sid)
    }

    /// Keeps an index.
    pub(crate) fn insert(&self, sid: SegmentId, index: Arc<SegmentIndex>) {
        self.0.insert(sid, index);
    }

    /// Bytes of memory in use.
    pub(crate) fn memory_usage(&self) -> u64 {
        self.0.weight()
    }
}
