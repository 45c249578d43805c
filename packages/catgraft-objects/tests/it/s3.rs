//! What is special about a bucket: how many requests things cost, and what a store that is away or refuses looks like.

use catgraft_objects::{
    Error, KeyPrefix, ObjectStore, Payload, S3Config, S3Store,
    conformance::{content, key},
};
use catgraft_testkit::s3::{S3Double, S3Requests};

use crate::one_answer::{Answer, Server};

#[tokio::test]
async fn every_verb_is_one_request() {
    let double = S3Double::start().await;
    let store = double.store("").await;
    store.put(&key(1), Payload::from(content(1, 5000))).await.unwrap();
    store.get_range(&key(1), 100..200).await.unwrap();
    store.get(&key(1)).await.unwrap();
    store.head(&key(1)).await.unwrap();
    store.list(KeyPrefix::SEGMENTS, None, 10).await.unwrap();
    store.delete(&key(1)).await.unwrap();
    store.probe().await.unwrap();
    let expected = S3Requests { puts: 1, gets: 2, heads: 1, deletes: 1, lists: 1, head_buckets: 1 };
    assert_eq!(double.requests(), expected);
}

#[tokio::test]
async fn prefixes_keep_stores_of_one_bucket_apart() {
    let double = S3Double::start().await;
    let (one, two, whole) = (double.store("one").await, double.store("two").await, double.store("").await);
    one.put(&key(1), Payload::from(content(1, 10))).await.unwrap();
    assert!(two.get(&key(1)).await.unwrap_err().is_not_found());
    assert_eq!(two.list(KeyPrefix::ALL, None, 10).await.unwrap(), []);
    assert_eq!(whole.list(KeyPrefix::ALL, None, 10).await.unwrap(), [], "one/segments/… is not a key of ours");
    assert_eq!(one.list(KeyPrefix::ALL, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_page_of_foreign_objects_does_not_end_a_listing() {
    let double = S3Double::start().await;
    // Seen from the store without a prefix, these are foreign and sort before its own.
    let foreign = double.store("a").await;
    for number in 0..5 {
        foreign.put(&key(number), Payload::from(content(1, 10))).await.unwrap();
    }
    let store = double.store("").await;
    store.put(&key(1), Payload::from(content(1, 10))).await.unwrap();
    store.put(&key(2), Payload::from(content(1, 10))).await.unwrap();
    assert_eq!(store.list(KeyPrefix::ALL, None, 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_wrong_secret_is_denied() {
    let double = S3Double::start().await;
    let store = S3Store::open_with_keys(&double.config(""), &double.options().access_key, "another").await;
    let errors = [
        store.probe().await.unwrap_err(),
        store.put(&key(1), Payload::from(content(1, 10))).await.unwrap_err(),
        store.get(&key(1)).await.unwrap_err(),
        store.head(&key(1)).await.unwrap_err(),
        store.list(KeyPrefix::ALL, None, 10).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Denied { .. }), "{error:?}");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_missing_bucket_is_unavailable_and_not_a_missing_object() {
    let double = S3Double::start().await;
    let config = S3Config { bucket: "another".to_owned(), ..double.config("") };
    let options = double.options();
    let store = S3Store::open_with_keys(&config, &options.access_key, &options.secret_key).await;
    let errors = [
        store.probe().await.unwrap_err(),
        store.put(&key(1), Payload::from(content(1, 10))).await.unwrap_err(),
        store.get(&key(1)).await.unwrap_err(),
        store.delete(&key(1)).await.unwrap_err(),
        store.list(KeyPrefix::ALL, None, 10).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let double = S3Double::start().await;
    let store = double.store("").await;
    store.put(&key(1), Payload::from(content(1, 10))).await.unwrap();
    drop(double);
    let error = store.get(&key(1)).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(error.to_string(), format!("object storage is unavailable: get {}", key(1)));
}

async fn store_at(server: &Server) -> S3Store {
    let config = S3Config { prefix: "prefix".to_owned(), endpoint: Some(server.url()), ..S3Config::new("bucket") };
    S3Store::open_with_keys(&config, "access", "secret").await
}

#[tokio::test]
async fn a_put_that_failed_is_sent_again_whole_and_as_plain_bytes() {
    let server = Server::start([Answer::status(503), Answer::status(500), Answer::status(200)]).await;
    let bytes = content(1, 100_000);
    let chunks: Payload = (0..10).map(|at| bytes.slice(at * 10_000..(at + 1) * 10_000)).collect();
    store_at(&server).await.put(&key(1), chunks).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert_eq!(request.line, format!("PUT /bucket/prefix/{}?x-id=PutObject HTTP/1.1", key(1)));
        assert!(request.body == bytes);
    }
}

#[tokio::test]
async fn a_store_that_stays_broken_is_unavailable() {
    let server = Server::start(std::iter::repeat_n(Answer::status(500), 3)).await;
    let error = store_at(&server).await.get(&key(1)).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_not_believed() {
    let server = Server::start([Answer::body(200, content(1, 5000))]).await;
    let error = store_at(&server).await.get_range(&key(1), 0..100).await.unwrap_err();
    assert!(matches!(error, Error::Internal { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_unavailable() {
    let cut = Answer { body: content(1, 50), ..Answer::body(206, content(1, 100)) };
    let server = Server::start([cut]).await;
    let error = store_at(&server).await.get_range(&key(1), 0..100).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}
