//! A bucket that misbehaves on the wire: what is tried again and how often, what is told, and what is never taken for
//! an answer.

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use catgraft_objects::{
    Error, ExtraRequests, ObjectStore, Payload, S3Config, S3Store, Verb,
    conformance::{content, key},
};
use catgraft_testkit::s3::{Fault, FaultRule, S3Call, S3Double, S3Options};

use crate::one_answer::{Answer, Server};

/// Attempts of one request.
pub(crate) const ATTEMPTS: u64 = 3;
/// Long enough for a request on a busy machine, and short enough to be waited for in a test.
const STALL: Duration = Duration::from_secs(1);

pub(crate) struct World {
    pub(crate) double: S3Double,
    pub(crate) store: S3Store,
}

impl World {
    pub(crate) async fn new() -> Self {
        let double = S3Double::start().await;
        let store = double.store_with(&S3Config { stall_timeout: STALL, ..double.config("") }).await;
        Self { double, store }
    }

    pub(crate) async fn put(&self, number: u32, bytes: &Bytes) -> Result<(), Error> {
        self.store.put(&key(number), Payload::from(bytes.clone())).await
    }

    pub(crate) fn repeats(&self, verb: Verb) -> u64 {
        let ExtraRequests { repeats, hedges } = self.store.extra_requests(verb);
        assert_eq!(hedges, 0);
        repeats
    }
}

pub(crate) fn assert_unavailable<T: std::fmt::Debug>(answer: Result<T, Error>) -> Error {
    match answer {
        Err(error @ Error::Unavailable { .. }) => error,
        other => panic!("the store is unavailable: {other:?}"),
    }
}

/// Everything that an error says.
pub(crate) fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

/// Each fault that may pass: it is tried again as often as it may be, and then told.
async fn is_tried_again(call: S3Call, fault: Fault) {
    let world = World::new().await;
    let bytes = content(1, 1_000_000);
    world.put(1, &bytes).await.unwrap();
    let (rule, verb) = (FaultRule::new(fault).on(call), if call == S3Call::Put { Verb::Put } else { Verb::Get });
    let ask = async || match call {
        S3Call::Put => world.put(2, &bytes).await.map(|()| bytes.slice(1000..9000)),
        _ => world.store.get_range(&key(1), 1000..9000).await,
    };
    world.double.inject(rule.clone().times(ATTEMPTS - 1));
    assert!(ask().await.unwrap() == bytes.slice(1000..9000));
    assert_eq!(world.repeats(verb), ATTEMPTS - 1);

    world.double.inject(rule.times(ATTEMPTS));
    assert_unavailable(ask().await);
    assert_eq!(world.repeats(verb), 2 * (ATTEMPTS - 1), "it is not tried for ever");
    assert!(ask().await.unwrap() == bytes.slice(1000..9000), "and later it goes on");
    if call == S3Call::Put {
        assert!(world.store.get(&key(2)).await.unwrap() == bytes);
    }
}

#[tokio::test]
async fn errors_of_the_server_are_tried_again() {
    for fault in [Fault::InternalError, Fault::SlowDown] {
        is_tried_again(S3Call::Put, fault).await;
        is_tried_again(S3Call::Get, fault).await;
    }
}

#[tokio::test]
async fn requests_that_are_never_answered_are_tried_again_whether_they_were_done_or_not() {
    tokio::join!(
        is_tried_again(S3Call::Put, Fault::TimeoutBefore),
        is_tried_again(S3Call::Put, Fault::TimeoutAfter),
        is_tried_again(S3Call::Get, Fault::TimeoutBefore),
    );
}

#[tokio::test]
async fn connections_that_are_cut_in_the_middle_of_a_body_are_replaced() {
    is_tried_again(S3Call::Put, Fault::CutRequest).await;
    is_tried_again(S3Call::Put, Fault::CutAnswer).await;
    is_tried_again(S3Call::Get, Fault::CutRequest).await;
    is_tried_again(S3Call::Get, Fault::CutAnswer).await;
}

#[tokio::test]
async fn a_part_of_what_was_asked_for_is_asked_for_again() {
    is_tried_again(S3Call::Get, Fault::Truncate).await;
}

#[tokio::test]
async fn a_put_that_was_cut_leaves_no_half_object() {
    let world = World::new().await;
    world.double.inject(FaultRule::new(Fault::CutRequest).times(ATTEMPTS));
    assert_unavailable(world.put(1, &content(1, 3_000_000)).await);
    assert_eq!(world.double.status().objects, 0);
    assert!(world.store.get(&key(1)).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_lost_acknowledgement_leaves_the_whole_object() {
    let world = World::new().await;
    let bytes = content(1, 100_000);
    world.double.inject(FaultRule::new(Fault::CutAnswer).times(ATTEMPTS));
    assert_unavailable(world.put(1, &bytes).await);
    assert!(world.store.get(&key(1)).await.unwrap() == bytes);
}

#[tokio::test]
async fn refusals_are_not_tried_again() {
    for (status, code) in [(403, "AccessDenied"), (404, "NoSuchKey"), (400, "InvalidRequest")] {
        let body = Bytes::from(format!("<Error><Code>{code}</Code></Error>"));
        // Whoever asks again finds nobody.
        let server = Server::start([Answer::body(status, body)]).await;
        let config = S3Config { endpoint: Some(server.url()), ..S3Config::new("bucket") };
        let store = S3Store::open_with_keys(&config, "access", "secret").await;
        let error = store.get_range(&key(1), 0..10).await.unwrap_err();
        assert!(!error.is_retryable(), "{code}: {error:?}");
        assert_eq!((server.requests().len(), store.extra_requests(Verb::Get).repeats), (1, 0), "{code}");
    }
}

#[tokio::test]
async fn other_bytes_than_those_asked_for_are_not_taken() {
    // A store that does not know ranges, and an object that is as long as the range.
    let server = Server::start([Answer::body(200, content(1, 100))]).await;
    let config = S3Config { endpoint: Some(server.url()), ..S3Config::new("bucket") };
    let store = S3Store::open_with_keys(&config, "access", "secret").await;
    let error = store.get_range(&key(1), 100..200).await.unwrap_err();
    assert!(matches!(error, Error::Internal { .. }), "{error:?}");
    assert!(chain(&error).contains("from 100 on, and sent those from 0 on"), "{}", chain(&error));
}

/// Every fault at once, drawn from a seed: what was acknowledged is there, and what is read is what was put.
#[tokio::test]
async fn in_a_storm_of_faults_nothing_acknowledged_is_lost_and_nothing_wrong_is_read() {
    const FAULTS: [Fault; 6] =
        [Fault::InternalError, Fault::SlowDown, Fault::CutRequest, Fault::CutAnswer, Fault::Truncate, Fault::Slow(5)];
    let (mut acknowledged, mut failed, mut struck) = (0, 0, 0);
    for seed in 0..8 {
        let double = S3Double::start_with(S3Options { seed, ..Default::default() }).await.unwrap();
        let store = double.store("").await;
        for fault in FAULTS {
            double.inject(FaultRule::new(fault).chance(0.08));
        }
        let mut stored = Vec::new();
        for number in 0..40 {
            let bytes = content(number, 1000 * number as usize + 1);
            match store.put(&key(number), Payload::from(bytes.clone())).await {
                Ok(()) => stored.push((number, bytes)),
                Err(error) => assert!(error.is_retryable(), "seed {seed}: {error:?}"),
            }
        }
        for (number, bytes) in &stored {
            match store.get_range(&key(*number), 0..bytes.len() as u64).await {
                Ok(read) => assert!(read == *bytes, "seed {seed}: object {number} is not what was put"),
                Err(error) => assert!(error.is_retryable(), "seed {seed}: {error:?}"),
            }
        }
        struck += double.status().faults.values().sum::<u64>();
        double.clear_faults();
        for (number, bytes) in &stored {
            assert!(store.get(&key(*number)).await.unwrap() == *bytes, "seed {seed}: object {number} is lost");
        }
        acknowledged += stored.len();
        failed += 40 - stored.len();
    }
    println!("{acknowledged} acknowledged, {failed} not, {struck} faults, nothing lost");
    assert!(struck > 200, "{struck}");
}
