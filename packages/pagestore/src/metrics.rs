//! What `/metrics` tells of the pagestore beside its requests: the store's bill, what compression saves, and the memory
//! of each cache.

use std::sync::Arc;

use catgraft_objects::{Counts, Verb, VerbCounts};
use catgraft_service::Metrics;

use crate::{
    api::State,
    cache::{PageCache, SegmentCache},
    index::VolumeIndexes,
    ingest::SealCounts,
};

/// A counter that there is for every verb: its name, its help, its value.
type OfAVerb = (&'static str, &'static str, fn(VerbCounts) -> u64);

const OF_A_VERB: [OfAVerb; 5] = [
    (
        "catgraft_objectstore_requests_total",
        "Requests to the object store, repeats and hedges included, by verb.",
        |counts| counts.requests,
    ),
    (
        "catgraft_objectstore_repeats_total",
        "Requests to the object store that were sent again because the one before failed, by verb.",
        |counts| counts.repeats,
    ),
    (
        "catgraft_objectstore_hedges_total",
        "Requests to the object store that were sent beside one whose answer was late, by verb.",
        |counts| counts.hedges,
    ),
    ("catgraft_objectstore_errors_total", "Calls of the object store that failed, by verb.", |counts| counts.errors),
    ("catgraft_objectstore_bytes_total", "Bytes of objects carried to and from the object store, by verb.", |counts| {
        counts.bytes
    }),
];

/// Registers everything; the values are read when somebody asks.
pub(crate) fn register(
    metrics: &Metrics,
    counts: &Arc<Counts>,
    sealed: Arc<SealCounts>,
    pages: PageCache,
    segments: SegmentCache,
    volumes: Arc<VolumeIndexes>,
) {
    for (verb, (name, help, read)) in Verb::ALL.into_iter().flat_map(|verb| OF_A_VERB.map(|metric| (verb, metric))) {
        let counts = Arc::clone(counts);
        metrics.observe_counter(name, help, &[("verb", verb.as_str())], move || read(counts.of(verb)));
    }
    let stored = Arc::clone(&sealed);
    metrics.observe_counter(
        "catgraft_sealed_page_bytes_total",
        "Bytes of the pages that were sealed into segments, before compression.",
        &[],
        move || sealed.page_bytes(),
    );
    metrics.observe_counter(
        "catgraft_sealed_stored_bytes_total",
        "Bytes that those pages take in their segments, after compression.",
        &[],
        move || stored.stored_bytes(),
    );
    metrics
        .observe_gauge("catgraft_page_cache_bytes", "Memory of the page cache.", move || pages.memory_usage() as u64);
    metrics.observe_gauge("catgraft_segment_cache_bytes", "Memory of the segments' indexes.", move || {
        segments.memory_usage()
    });
    let (file, dropped) = (Arc::clone(&volumes), Arc::clone(&volumes));
    metrics.observe_gauge("catgraft_volume_index_bytes", "Memory of the volumes' indexes.", move || {
        volumes.memory_usage() as u64
    });
    metrics.observe_gauge(
        "catgraft_volume_index_disk_bytes",
        "Bytes of the file that has what of the volumes' indexes is too large for memory.",
        move || file.disk_usage(),
    );
    metrics.observe_counter(
        "catgraft_volume_index_dropped_total",
        "Indexes of volumes that were dropped for want of memory; the next read of such a volume reads its log again.",
        &[],
        move || dropped.dropped(),
    );
}

/// Registers what requests take at the moment.
pub(crate) fn register_rooms(metrics: &Metrics, state: &State) {
    let budget = state.budget.clone();
    metrics.observe_gauge("catgraft_ingest_memory_bytes", "Memory of pages that are not stored yet.", move || {
        budget.memory_usage() as u64
    });
    let fetching = state.reader.pages_in_flight.clone();
    metrics.observe_gauge(
        "catgraft_pages_in_flight",
        "Pages that reads wait for, on their way from the object store.",
        move || fetching.used() as u64,
    );
}
