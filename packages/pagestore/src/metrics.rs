//! What `/metrics` tells of the pagestore beside its requests: the store's bill, and the memory of each cache.

use std::sync::Arc;

use catgraft_objects::{Counts, Verb};
use catgraft_service::Metrics;

use crate::{
    cache::{PageCache, SegmentCache},
    index::VolumeIndexes,
};

/// Registers everything; the values are read when somebody asks.
pub(crate) fn register(
    metrics: &Metrics,
    counts: &Arc<Counts>,
    pages: PageCache,
    segments: SegmentCache,
    volumes: Arc<VolumeIndexes>,
) {
    for verb in Verb::ALL {
        let labels = [("verb", verb.as_str())];
        let requests = Arc::clone(counts);
        metrics.observe_counter(
            "catgraft_objectstore_requests_total",
            "Requests to the object store, by verb.",
            &labels,
            move || requests.of(verb).requests,
        );
        let errors = Arc::clone(counts);
        metrics.observe_counter(
            "catgraft_objectstore_errors_total",
            "Requests to the object store that failed, by verb.",
            &labels,
            move || errors.of(verb).errors,
        );
        let bytes = Arc::clone(counts);
        metrics.observe_counter(
            "catgraft_objectstore_bytes_total",
            "Bytes of objects carried to and from the object store, by verb.",
            &labels,
            move || bytes.of(verb).bytes,
        );
    }
    metrics
        .observe_gauge("catgraft_page_cache_bytes", "Memory of the page cache.", move || pages.memory_usage() as u64);
    metrics.observe_gauge("catgraft_segment_cache_bytes", "Memory of the segments' indexes.", move || {
        segments.memory_usage() as u64
    });
    metrics.observe_gauge("catgraft_volume_index_bytes", "Memory of the volumes' indexes.", move || {
        volumes.memory_usage() as u64
    });
}
