//! Small and large batches, with compression and without.

use std::collections::VecDeque;

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, PageIndex};
use catgraft_segment::{Compression, PushError};
use tokio::sync::oneshot;

use super::decoder::vid;
use crate::ingest::{
    budget::Share,
    decoder::Run,
    queue::{Batch, Pending, RequestNumber, gather},
    seal::{INLINE_PAGES_MAX, Sealer},
};

/// A batch of one request with a run of so many pages of zeros.
async fn batch(pages: usize, first: u32) -> Batch {
    let indexes = (first..).take(pages).filter_map(PageIndex::new).collect();
    let (done, _) = oneshot::channel();
    let run = Run { vid: vid(1), indexes, data: Bytes::from(vec![0; pages * PAGE_SIZE]), capacity: pages * PAGE_SIZE };
    let share = Share::default();
    let mut batches = VecDeque::new();
    gather(&mut batches, Pending { request: RequestNumber(1), run, packed: None, share, done });
    batches.pop_front().unwrap()
}

#[tokio::test]
async fn small_and_large_batches_are_sealed_and_come_back() {
    for pages in [1, INLINE_PAGES_MAX, INLINE_PAGES_MAX + 1, 1000] {
        let (batch, sealed) = Sealer::new(Compression::Lz4).seal(batch(pages, 1).await).await;
        assert_eq!(batch.pending[0].run.indexes.len(), pages);
        assert_eq!(sealed.unwrap().index.page_count(), pages);
    }
}

#[tokio::test]
async fn what_was_packed_when_it_came_is_sealed_as_it_would_have_been() {
    for compression in [Compression::None, Compression::Lz4] {
        let sealer = Sealer::new(compression);
        let (mut packed, unpacked) = (batch(INLINE_PAGES_MAX, 1).await, batch(INLINE_PAGES_MAX, 1).await);
        for pending in &mut packed.pending {
            pending.packed = sealer.pack_small(&pending.run);
            assert!(pending.packed.is_some());
            // What is sealed is what was packed.
            pending.run.data = Bytes::new();
        }
        let [packed, unpacked] =
            [sealer.seal(packed).await, sealer.seal(unpacked).await].map(|(_, sealed)| sealed.unwrap());
        assert_eq!((packed.chunks.concat(), packed.summary), (unpacked.chunks.concat(), unpacked.summary));
    }
    let large = batch(INLINE_PAGES_MAX + 1, 1).await;
    assert!(Sealer::new(Compression::Lz4).pack_small(&large.pending[0].run).is_none());
}

#[tokio::test]
async fn bytes_are_counted_before_and_after_compression() {
    let all = 102 * PAGE_SIZE as u64;
    for (compression, stored) in [(Compression::None, all..=all), (Compression::Lz4, 1..=all / 100)] {
        let sealer = Sealer::new(compression);
        for pages in [2, 100] {
            sealer.seal(batch(pages, 1).await).await.1.unwrap();
        }
        let counts = sealer.counts();
        assert_eq!(counts.page_bytes(), all);
        assert!(stored.contains(&counts.stored_bytes()), "{} bytes with {compression:?}", counts.stored_bytes());
    }
}

#[tokio::test]
async fn a_batch_that_becomes_no_segment_comes_back_and_is_not_counted() {
    for pages in [2, 100] {
        let mut twice = batch(pages, 1).await;
        twice.pending.extend(batch(1, 2).await.pending);
        let sealer = Sealer::new(Compression::Lz4);
        let (twice, sealed) = sealer.seal(twice).await;
        assert_eq!(twice.pending.len(), 2);
        assert!(matches!(sealed, Err(PushError::Duplicate { index, .. }) if index.get() == 2), "{sealed:?}");
        assert_eq!(sealer.counts().page_bytes(), 0);
    }
}
