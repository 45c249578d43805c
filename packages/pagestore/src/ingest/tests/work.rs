//! The queue at work, over a store in memory and a metastore that answers when it is told to.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use catgraft_client::{Answer, Endpoint, MetastoreClient, Retry, Transport, TransportError};
use catgraft_core::{ByteSize, PAGE_SIZE, PageIndex, RandomIds, SegmentId, SystemClock};
use catgraft_objects::MemoryStore;
use catgraft_segment::Compression;
use tokio::{
    sync::{Semaphore, oneshot},
    task::{JoinHandle, yield_now},
    time::advance,
};

use super::decoder::vid;
use crate::{
    cache::{PageCache, SegmentCache},
    ingest::{
        Ingest, Registrar, RequestNumber, Sealer, Stored, Upload, UploadError, budget::Share, decoder::Run,
        queue::QUICK_UPLOAD,
    },
};

type Told = oneshot::Receiver<Result<Stored, Arc<UploadError>>>;

/// A metastore that registers everything, a call for each permit.
#[derive(Debug)]
struct Held(Arc<Semaphore>);

#[async_trait]
impl Transport for Held {
    fn url(&self) -> &str {
        "http://metastore"
    }

    async fn post(&self, path: &'static str, _: reqwest::Body) -> Result<Answer, TransportError> {
        assert_eq!(path, "/metastore/internal/v1/register_segments");
        self.0.acquire().await.unwrap().forget();
        Ok(Answer { status: 200, content_type: "application/x-protobuf".to_owned(), body: Bytes::new() })
    }
}

/// The queue with this interval, its task, and what lets the metastore answer.
async fn start(interval: Duration) -> (Ingest, JoinHandle<()>, Arc<Semaphore>) {
    let answers = Arc::new(Semaphore::new(0));
    let endpoint = Endpoint::over(Arc::new(Held(Arc::clone(&answers))), Retry::default());
    let upload = Upload {
        sealer: Sealer::new(Compression::Lz4),
        objects: Arc::new(MemoryStore::new()),
        registrar: Registrar::start(MetastoreClient::new(endpoint)),
        pages: PageCache::open(ByteSize::from_mib(1), None).await.unwrap(),
        segments: SegmentCache::new(ByteSize::from_mib(1)),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
    };
    let (ingest, task) = Ingest::start(Arc::new(upload), 8, interval);
    (ingest, task, answers)
}

/// A request with one page of a volume of its own.
fn push(ingest: &Ingest, number: u8) -> Told {
    push_pages(ingest, number, 1)
}

/// The same with so many pages.
fn push_pages(ingest: &Ingest, number: u8, pages: u32) -> Told {
    let data = Bytes::from(vec![number; pages as usize * PAGE_SIZE]);
    let indexes = (1..=pages).filter_map(PageIndex::new).collect();
    let run = Run { vid: vid(number), indexes, capacity: data.len(), data };
    ingest.push(RequestNumber(number.into()), run, Share::default())
}

async fn segment(told: Told) -> SegmentId {
    told.await.unwrap().unwrap().sid
}

/// Lets the task do all that it can.
async fn until_all_wait() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// Two uploads that are under way, and two requests that came later. Needs the clock to stand still.
async fn busy(ingest: &Ingest) -> [Told; 4] {
    let first = push(ingest, 1);
    until_all_wait().await;
    let second = push(ingest, 2);
    until_all_wait().await;
    advance(QUICK_UPLOAD).await;
    until_all_wait().await;
    let third = push(ingest, 3);
    until_all_wait().await;
    [first, second, third, push(ingest, 4)]
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_no_upload_may_begin_goes_out_together_when_one_ends() {
    let (ingest, _task, answers) = start(Duration::ZERO).await;
    let [first, second, third, fourth] = busy(&ingest).await;
    // One call for the first segment, one for the second, one for what came later.
    answers.add_permits(3);
    let (first, second, third) = (segment(first).await, segment(second).await, segment(third).await);
    assert_eq!(third, segment(fourth).await);
    assert!(first != second && first != third && second != third);
    assert_eq!(answers.available_permits(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_comes_beside_an_upload_that_is_quick_goes_out_together_when_it_ends() {
    let (ingest, _task, answers) = start(Duration::ZERO).await;
    let first = push(&ingest, 1);
    until_all_wait().await;
    let second = push(&ingest, 2);
    until_all_wait().await;
    let third = push(&ingest, 3);
    until_all_wait().await;
    answers.add_permits(2);
    let (first, second) = (segment(first).await, segment(second).await);
    assert_eq!(second, segment(third).await);
    assert_ne!(first, second);
    assert_eq!(answers.available_permits(), 0);
}

#[tokio::test(start_paused = true)]
async fn beside_an_upload_that_turns_out_not_to_be_quick_what_waits_goes_out_before_it_ends() {
    let (ingest, _task, answers) = start(Duration::ZERO).await;
    let _first = push(&ingest, 1);
    until_all_wait().await;
    let (second, third) = (push(&ingest, 2), push(&ingest, 3));
    until_all_wait().await;
    advance(QUICK_UPLOAD - Duration::from_millis(1)).await;
    until_all_wait().await;
    assert_eq!(ingest.under_way(), 1);
    advance(Duration::from_millis(1)).await;
    until_all_wait().await;
    assert_eq!(ingest.under_way(), 2);
    answers.add_permits(2);
    assert_eq!(segment(second).await, segment(third).await);
}

#[tokio::test(start_paused = true)]
async fn beside_an_upload_that_is_quick_what_has_become_large_goes_out_at_once() {
    let (ingest, _task, answers) = start(Duration::ZERO).await;
    let first = push(&ingest, 1);
    until_all_wait().await;
    let second = push(&ingest, 2);
    until_all_wait().await;
    assert_eq!(ingest.under_way(), 1);
    let third = push_pages(&ingest, 3, 255);
    until_all_wait().await;
    assert_eq!(ingest.under_way(), 2);
    answers.add_permits(2);
    assert_eq!(segment(second).await, segment(third).await);
    segment(first).await;
}

#[tokio::test(start_paused = true)]
async fn small_runs_are_packed_before_they_wait() {
    let (ingest, _task, _answers) = start(Duration::ZERO).await;
    let _told = busy(&ingest).await;
    let _large = push_pages(&ingest, 5, 100);
    assert_eq!(ingest.are_packed(), [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_is_finished_when_nobody_can_push_any_more() {
    let (ingest, task, answers) = start(Duration::ZERO).await;
    let told = busy(&ingest).await;
    drop(ingest);
    until_all_wait().await;
    assert!(!task.is_finished());
    answers.add_permits(3);
    for told in told {
        segment(told).await;
    }
    task.await.unwrap();
}

#[tokio::test]
async fn at_the_end_nothing_waits_for_the_interval() {
    let (ingest, task, answers) = start(Duration::from_secs(3600)).await;
    answers.add_permits(2);
    segment(push(&ingest, 1)).await;
    let second = push(&ingest, 2);
    until_all_wait().await;
    assert_eq!(answers.available_permits(), 1, "the second waits");
    drop(ingest);
    segment(second).await;
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn when_the_task_is_gone_everybody_is_told() {
    let (ingest, task, _answers) = start(Duration::ZERO).await;
    let told = busy(&ingest).await;
    task.abort();
    task.await.unwrap_err();
    for told in told {
        told.await.unwrap_err();
    }
    push(&ingest, 5).await.unwrap_err();
}
