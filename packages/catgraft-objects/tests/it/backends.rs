//! The conformance suite against every backend, reached as a service reaches it where that is possible.

use std::{num::NonZeroUsize, sync::Arc};

use catgraft_objects::{Counting, Hedged, Limited, Limits, ObjectStoreConfig, conformance, open};
use catgraft_testkit::{faulty::Faulty, s3::S3Double};

#[tokio::test]
async fn memory_conforms() {
    conformance::run(open(&ObjectStoreConfig::Memory).await.unwrap()).await;
}

#[tokio::test]
async fn fs_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("made/when/missing");
    conformance::run(open(&ObjectStoreConfig::Fs { root }).await.unwrap()).await;
}

#[tokio::test]
async fn s3_conforms() {
    let double = S3Double::start().await;
    conformance::run(Arc::new(double.store("").await)).await;
}

#[tokio::test]
async fn s3_with_a_prefix_conforms() {
    let double = S3Double::start().await;
    conformance::run(Arc::new(double.store("/some/prefix/").await)).await;
}

#[tokio::test]
async fn decorators_conform() {
    let memory = open(&ObjectStoreConfig::Memory).await.unwrap();
    let two = NonZeroUsize::new(2).unwrap();
    let limited = Limited::new(memory, Limits { gets_max: two, puts_max: two });
    let counting = Counting::new(Arc::new(Hedged::new(Arc::new(limited), 5)));
    conformance::run(Arc::new(Faulty::new(Arc::new(counting), 1))).await;
}
