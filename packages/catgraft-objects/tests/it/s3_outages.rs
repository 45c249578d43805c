//! A bucket that is away altogether, slow, or out of date: how long anybody waits, what is told, and that it goes on.

use std::time::Duration;

use catgraft_objects::{
    Error, KeyPrefix, ObjectStore, Payload, S3Config, S3Store, Verb,
    conformance::{content, key},
};
use catgraft_testkit::s3::{Fault, FaultRule, Latency, S3Double, S3Options, S3Requests};
use tokio::net::{TcpSocket, TcpStream};

use crate::s3_faults::{ATTEMPTS, World, assert_unavailable, chain};

/// Longer than anything that does not wait for it.
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn nobody_waits_for_a_frozen_store_for_ever_and_it_goes_on_when_it_thaws() {
    let world = World::new().await;
    world.put(1, &content(1, 5000)).await.unwrap();
    world.double.switch(|switches| switches.frozen = true);
    let (bytes, object) = (content(2, 3_000_000), key(1));
    let (put, get, probe) =
        tokio::join!(world.put(2, &bytes), world.store.get_range(&object, 0..10), world.store.probe());
    let told = [assert_unavailable(put), assert_unavailable(get), assert_unavailable(probe)].map(|error| chain(&error));
    for text in &told {
        assert!(text.contains("the store began no answer for 1s") || text.contains("took no more"), "{text}");
    }
    assert_eq!(world.repeats(Verb::Get), ATTEMPTS - 1);
    world.double.switch(|switches| switches.frozen = false);
    world.put(2, &content(2, 10)).await.unwrap();
    assert_eq!(world.store.get(&key(1)).await.unwrap(), content(1, 5000));
}

#[tokio::test]
async fn a_slow_line_is_waited_for_as_long_as_bytes_move() {
    const BYTES: usize = 24 * 1024 * 1024;
    let latency = Latency { bytes_per_second: Some(8_000_000), ..Latency::NONE };
    let double = S3Double::start_with(S3Options { latency, ..Default::default() }).await.unwrap();
    // Each way takes longer than the store may stall, and no step of it does.
    let config = S3Config { stall_timeout: Duration::from_millis(2500), ..double.config("") };
    let store = double.store_with(&config).await;
    let chunk = content(1, 1024 * 1024);
    let payload: Payload = (0..BYTES / chunk.len()).map(|_| chunk.clone()).collect();
    store.put(&key(1), payload.clone()).await.unwrap();
    assert!(store.get(&key(1)).await.unwrap() == payload.to_bytes());
    assert_eq!(double.requests(), S3Requests { puts: 1, gets: 1, ..Default::default() });
}

#[tokio::test]
async fn a_server_that_takes_no_connection_is_not_waited_for() {
    // One connection that nobody takes fills its queue, and the kernel answers no more.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _waiting = TcpStream::connect(address).await.unwrap();
    let endpoint = Some(format!("http://{address}"));
    let config = S3Config { endpoint, connect_timeout: Duration::from_millis(300), ..S3Config::new("bucket") };
    let store = S3Store::open_with_keys(&config, "access", "secret").await;
    let told = chain(&assert_unavailable(store.probe().await));
    assert!(told.contains("connect timeout occurred after 300ms"), "{told}");
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_unavailable_until_it_is_back() {
    let world = World::new().await;
    world.put(1, &content(1, 10)).await.unwrap();
    world.double.switch(|switches| switches.bucket_gone = true);
    assert_unavailable(world.store.get(&key(1)).await);
    assert_unavailable(world.put(2, &content(2, 10)).await);
    assert_unavailable(world.store.delete(&key(1)).await);
    assert_unavailable(world.store.probe().await);
    world.double.switch(|switches| switches.bucket_gone = false);
    assert_eq!(world.store.get(&key(1)).await.unwrap(), content(1, 10));
    world.store.probe().await.unwrap();
}

#[tokio::test]
async fn revoked_credentials_are_denied_at_once_until_they_are_good_again() {
    let world = World::new().await;
    world.put(1, &content(1, 10)).await.unwrap();
    world.double.switch(|switches| switches.credentials_revoked = true);
    let errors = [
        world.store.get(&key(1)).await.unwrap_err(),
        world.put(2, &content(2, 10)).await.unwrap_err(),
        world.store.list(KeyPrefix::ALL, None, 10).await.unwrap_err(),
        world.store.probe().await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    }
    assert_eq!(Verb::ALL.map(|verb| world.repeats(verb)), [0; 6]);
    world.double.switch(|switches| switches.credentials_revoked = false);
    assert_eq!(world.store.get(&key(1)).await.unwrap(), content(1, 10));
}

#[tokio::test]
async fn a_list_may_be_older_than_the_objects_and_nothing_else_is() {
    let world = World::new().await;
    world.put(1, &content(1, 10)).await.unwrap();
    world.double.switch(|switches| switches.list_stale = true);
    world.put(2, &content(2, 10)).await.unwrap();
    world.store.delete(&key(1)).await.unwrap();
    let listed = async || -> Vec<_> {
        let listed = world.store.list(KeyPrefix::ALL, None, 10).await.unwrap();
        listed.into_iter().map(|meta| meta.key).collect()
    };
    assert_eq!(listed().await, [key(1)]);
    assert_eq!(world.store.get(&key(2)).await.unwrap(), content(2, 10));
    assert!(world.store.get(&key(1)).await.unwrap_err().is_not_found());
    world.double.switch(|switches| switches.list_stale = false);
    assert_eq!(listed().await, [key(2)]);
}

#[tokio::test]
async fn one_slow_key_slows_no_other() {
    let World { double, store } = World::new().await;
    store.put(&key(1), Payload::from(content(1, 10))).await.unwrap();
    store.put(&key(2), Payload::from(content(2, 10))).await.unwrap();
    let store = double.store_with(&S3Config { stall_timeout: MINUTE, ..double.config("") }).await;
    double.inject(FaultRule::new(Fault::Slow(MINUTE.as_millis() as u64)).key(key(1).as_str()));
    let slow = tokio::spawn({
        let store = store.clone();
        async move { store.get(&key(1)).await }
    });
    while double.requests().gets == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        assert_eq!(store.get(&key(2)).await.unwrap(), content(2, 10));
    }
    assert!(!slow.is_finished());
    slow.abort();
}
