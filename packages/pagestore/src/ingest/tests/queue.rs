//! Which runs share a batch.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use catgraft_core::{ByteSize, PAGE_SIZE, PageIndex};
use catgraft_service::room::Queue;
use tokio::{sync::oneshot, time::Instant};

use super::decoder::vid;
use crate::ingest::{
    budget::{Budget, RUN_PAGES, Share},
    decoder::Run,
    queue::{Batch, Pace, Pending, QUICK_UPLOAD, RequestNumber, Uploads, gather},
};

async fn pending(request: u64, volume: u8, pages: u32) -> Pending {
    let indexes = (1..=pages).filter_map(PageIndex::new).collect();
    let (done, _) = oneshot::channel();
    let run = Run { vid: vid(volume), indexes, data: Bytes::new(), capacity: 0 };
    Pending { request: RequestNumber(request), run, packed: None, share: Share::default(), done }
}

async fn sizes(runs: &[(u64, u8, u32)]) -> Vec<usize> {
    let mut batches: VecDeque<Batch> = VecDeque::new();
    for (request, volume, pages) in runs {
        gather(&mut batches, pending(*request, *volume, *pages).await);
    }
    batches.iter().map(|batch| batch.pending.len()).collect()
}

#[tokio::test]
async fn requests_of_different_volumes_share_a_batch() {
    assert_eq!(sizes(&[(1, 1, 5), (2, 2, 5), (3, 3, 5)]).await, [3]);
}

#[tokio::test]
async fn two_requests_of_one_volume_do_not() {
    assert_eq!(sizes(&[(1, 1, 5), (2, 1, 5), (3, 3, 5)]).await, [1, 2]);
}

#[tokio::test]
async fn runs_of_one_request_do() {
    assert_eq!(sizes(&[(1, 1, 256), (1, 1, 256)]).await, [2]);
}

#[tokio::test]
async fn a_full_batch_takes_no_more() {
    let runs: Vec<_> = (0..17).map(|_| (1, 1, RUN_PAGES as u32)).collect();
    assert_eq!(sizes(&runs).await, [16, 1]);
}

/// Batches of so many pages each.
async fn batches(pages: &[u32]) -> VecDeque<Batch> {
    let mut batches = VecDeque::new();
    for (number, pages) in (1..).zip(pages) {
        // Two requests of one volume never share a batch.
        gather(&mut batches, pending(number, 1, *pages).await);
    }
    batches
}

#[tokio::test]
async fn a_small_batch_goes_out_beside_one_upload_and_a_large_one_beside_as_many_as_may_be() {
    let (now, small) = (Instant::now(), batches(&[255]).await);
    // What is done gathers no more, and 256 pages are not small.
    for large in [batches(&[256]).await, batches(&[5, 5]).await] {
        for max in [0, 1, 2, 8] {
            let mut uploads = Uploads::new(max);
            uploads.began(now);
            uploads.ended(Some(QUICK_UPLOAD));
            for under_way in 0..10 {
                let free = |is_free: bool| is_free.then_some(now);
                assert_eq!(uploads.free_from(&small, now), free(under_way < max.clamp(1, 2)), "{uploads:?}");
                assert_eq!(uploads.free_from(&large, now), free(under_way < max.max(1)), "{uploads:?}");
                assert_eq!(uploads.free_from(&VecDeque::new(), now), None);
                uploads.began(now);
            }
        }
    }
}

#[tokio::test]
async fn beside_an_upload_that_is_quick_a_small_batch_gathers() {
    let (start, small, large) = (Instant::now(), batches(&[5]).await, batches(&[256]).await);
    let mut uploads = Uploads::new(8);
    assert_eq!(uploads.free_from(&small, start), Some(start), "nothing is under way");
    uploads.began(start);
    let (later, end) = (start + QUICK_UPLOAD / 2, start + QUICK_UPLOAD);
    assert_eq!(uploads.free_from(&small, later), Some(end), "they are taken to be quick");
    assert_eq!(uploads.free_from(&large, later), Some(later));
    assert_eq!(uploads.free_from(&small, end), Some(end), "this one is not");
    uploads.began(end);
    assert_eq!(uploads.free_from(&small, end + QUICK_UPLOAD), None, "never beside two");

    uploads.ended(Some(QUICK_UPLOAD));
    assert_eq!(uploads.free_from(&small, end), Some(end), "the last one was not");
    uploads.ended(None);
    uploads.began(end);
    assert_eq!(uploads.free_from(&small, end), Some(end), "one that broke off tells nothing");
    uploads.ended(Some(QUICK_UPLOAD - Duration::from_millis(1)));
    uploads.began(end);
    assert_eq!(uploads.free_from(&small, end), Some(end + QUICK_UPLOAD));
}

#[tokio::test]
async fn a_batch_that_gathers_waits_for_the_interval_and_one_that_is_done_does_not() {
    let (mut pace, start) = (Pace::new(Duration::from_secs(2)), Instant::now());
    let mut batches = VecDeque::new();
    gather(&mut batches, pending(1, 1, 5).await);
    assert_eq!(pace.wait(&batches, start), None, "the first goes at once");
    pace.went(start);
    let (early, end) = (start + Duration::from_secs(1), start + Duration::from_secs(2));
    assert_eq!(pace.wait(&batches, early), Some(end));
    assert_eq!(pace.wait(&batches, end), None);
    gather(&mut batches, pending(2, 1, 5).await);
    assert_eq!((batches.len(), pace.wait(&batches, early)), (2, None));
}

#[tokio::test]
async fn without_an_interval_nothing_waits() {
    let (mut pace, start) = (Pace::new(Duration::ZERO), Instant::now());
    let mut batches = VecDeque::new();
    gather(&mut batches, pending(1, 1, 5).await);
    pace.went(start);
    assert_eq!(pace.wait(&batches, start), None);
}

#[tokio::test]
async fn the_budget_is_shared_and_comes_back() {
    let queue = Queue { waiting_max: 1, wait_max: Duration::from_secs(3600) };
    let budget = Budget::new(ByteSize::from_mib(1), queue);
    let first = budget.first_share(usize::MAX).await.unwrap();
    assert_eq!(budget.memory_usage(), RUN_PAGES * PAGE_SIZE);
    let mut second = Box::pin(budget.first_share(1));
    assert!(futures::poll!(&mut second).is_pending());
    // Of those who begin, no more may wait.
    budget.first_share(1).await.unwrap_err();
    drop(first);
    second.await.unwrap();
    assert_eq!(budget.memory_usage(), 0);
}
