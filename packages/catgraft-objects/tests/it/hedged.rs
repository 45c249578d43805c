//! Late reads are sent twice: on a clock that stands still but for waits, and once against a real server.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use catgraft_objects::{
    Counting, Error, Hedged, KeyPrefix, ObjectKey, ObjectMeta, ObjectStore, Operation, Payload, S3Config, Verb,
    conformance::{content, key},
};
use catgraft_testkit::s3::{Fault, FaultRule, S3Call, S3Double};
use tokio::time::Instant;

/// What the next reads do; after those, every read takes 20 ms.
type Script = std::sync::Mutex<VecDeque<(Duration, Result<&'static str, &'static str>)>>;

/// A store whose reads are scripted.
#[derive(Default)]
struct Scripted {
    script: Script,
    reads: AtomicU64,
}

const USUAL: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_secs(1_000_000);

fn unavailable(key: &ObjectKey, why: &'static str) -> Error {
    Error::Unavailable { operation: Operation::Get(key.clone()), source: why.into() }
}

#[async_trait]
impl ObjectStore for Scripted {
    async fn put(&self, key: &ObjectKey, _: Payload) -> Result<(), Error> {
        Err(unavailable(key, "only reads are scripted"))
    }

    async fn get_range(&self, key: &ObjectKey, _: Range<u64>) -> Result<Bytes, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let (wait, outcome) = self.script.lock().unwrap().pop_front().unwrap_or((USUAL, Ok("usual")));
        tokio::time::sleep(wait).await;
        outcome.map(|text| Bytes::from_static(text.as_bytes())).map_err(|why| unavailable(key, why))
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        self.get_range(key, 0..1).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, Error> {
        Err(unavailable(key, "only reads are scripted"))
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        Err(unavailable(key, "only reads are scripted"))
    }

    async fn list(&self, _: KeyPrefix, _: Option<&ObjectKey>, _: usize) -> Result<Vec<ObjectMeta>, Error> {
        Ok(Vec::new())
    }

    async fn probe(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A hedged store that knows how long reads usually take and may hedge twice.
async fn warm() -> (Arc<Scripted>, Hedged) {
    let scripted = Arc::new(Scripted::default());
    let hedged = Hedged::new(scripted.clone(), 5);
    for _ in 0..48 {
        hedged.get_range(&key(1), 0..10).await.unwrap();
    }
    assert_eq!((scripted.reads.load(Ordering::Relaxed), hedges(&hedged)), (48, 0));
    (scripted, hedged)
}

fn hedges(store: &dyn ObjectStore) -> u64 {
    store.extra_requests(Verb::Get).hedges
}

async fn read(
    hedged: &Hedged,
    scripted: &Scripted,
    script: &[(Duration, Result<&'static str, &'static str>)],
) -> (Result<Bytes, Error>, Duration) {
    scripted.script.lock().unwrap().extend(script);
    let begun = Instant::now();
    let answer = hedged.get_range(&key(1), 0..10).await;
    (answer, begun.elapsed())
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn a_late_read_is_sent_again_and_the_first_answer_counts() {
    let (scripted, hedged) = warm().await;
    let (answer, took) = read(&hedged, &scripted, &[(NEVER, Ok("late")), (ms(5), Ok("hedge"))]).await;
    assert_eq!((answer.unwrap(), took, hedges(&hedged)), ("hedge".into(), USUAL + ms(5), 1));
    let (answer, took) = read(&hedged, &scripted, &[(ms(30), Ok("late")), (NEVER, Ok("hedge"))]).await;
    assert_eq!((answer.unwrap(), took, hedges(&hedged)), ("late".into(), ms(30), 2));
    assert_eq!(scripted.reads.load(Ordering::Relaxed), 48 + 4);
}

#[tokio::test(start_paused = true)]
async fn a_read_in_time_is_sent_once_and_so_is_one_that_fails_in_time() {
    let (scripted, hedged) = warm().await;
    read(&hedged, &scripted, &[(ms(19), Ok("in time"))]).await.0.unwrap();
    read(&hedged, &scripted, &[(ms(5), Err("broken"))]).await.0.unwrap_err();
    assert_eq!((scripted.reads.load(Ordering::Relaxed), hedges(&hedged)), (48 + 2, 0));
}

#[tokio::test(start_paused = true)]
async fn the_one_that_succeeds_counts_and_otherwise_the_first_is_told() {
    let (scripted, hedged) = warm().await;
    let (answer, _) = read(&hedged, &scripted, &[(ms(30), Err("first")), (ms(50), Ok("hedge"))]).await;
    assert_eq!(answer.unwrap(), "hedge");
    let (answer, took) = read(&hedged, &scripted, &[(ms(90), Err("first")), (ms(5), Err("hedge"))]).await;
    let source = std::error::Error::source(&answer.unwrap_err()).unwrap().to_string();
    assert_eq!((source.as_str(), took), ("first", ms(90)));
}

#[tokio::test(start_paused = true)]
async fn without_a_share_of_reads_left_a_late_read_is_waited_for() {
    let (scripted, hedged) = warm().await;
    for _ in 0..2 {
        read(&hedged, &scripted, &[(NEVER, Ok("late")), (ms(5), Ok("hedge"))]).await.0.unwrap();
    }
    let (answer, took) = read(&hedged, &scripted, &[(ms(500), Ok("late"))]).await;
    assert_eq!((answer.unwrap(), took, hedges(&hedged)), ("late".into(), ms(500), 2));
    let never = Hedged::new(scripted.clone(), 0);
    for _ in 0..48 {
        never.get_range(&key(1), 0..10).await.unwrap();
    }
    assert_eq!(read(&never, &scripted, &[(ms(500), Ok("late"))]).await.1, ms(500));
}

#[tokio::test]
async fn a_request_that_a_server_forgets_is_answered_by_its_hedge() {
    let double = S3Double::start().await;
    // Whoever waited for the forgotten one would end it after this, and ask again: that would be a repeat.
    let config = S3Config { stall_timeout: Duration::from_secs(60), ..double.config("") };
    let counting = Counting::new(Arc::new(Hedged::new(Arc::new(double.store_with(&config).await), 100)));
    let counts = counting.counts();
    counting.put(&key(1), Payload::from(content(1, 5000))).await.unwrap();
    for _ in 0..48 {
        counting.get_range(&key(1), 0..100).await.unwrap();
    }
    let before = counts.of(Verb::Get).hedges;
    double.inject(FaultRule::new(Fault::TimeoutBefore).on(S3Call::Get).times(1));
    assert_eq!(counting.get_range(&key(1), 10..20).await.unwrap(), content(1, 5000).slice(10..20));
    let gets = counts.of(Verb::Get);
    assert_eq!((gets.repeats, gets.errors, gets.hedges), (0, 0, before + 1));
    // What is counted is what the store counts, but for hedges that were given up before they were sent.
    let counted = double.requests().gets;
    assert!((gets.requests - gets.hedges..=gets.requests).contains(&counted), "{counted} of {gets:?}");
}
