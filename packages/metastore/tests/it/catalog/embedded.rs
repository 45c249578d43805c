//! What only the embedded catalog has: a file that belongs to one process.

use metastore::catalog::{self, Connections, Error};

use super::world::World;
use crate::values::{NOW, commit, lsn, must_commit, vid};

#[tokio::test]
async fn a_second_metastore_on_the_same_file_is_refused() {
    let world = World::sqlite().await;
    let error = catalog::open(world.location(), Connections::default()).await.err().unwrap();
    assert!(matches!(&error, Error::InUse { path } if *path == world.path()), "{error:?}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[tokio::test]
async fn what_was_committed_is_there_after_closing_and_opening() {
    let world = World::sqlite().await;
    let head = must_commit(&world.catalog, commit(vid(1), None)).await;
    world.catalog.close().await;
    let again = catalog::open(world.location(), Connections::default()).await.unwrap();
    again.schema_check().await.unwrap();
    assert_eq!(again.snapshot_latest(vid(1)).await.unwrap(), Some(head));
    assert_eq!(must_commit(&again, commit(vid(1), Some(1))).await.lsn, lsn(2));
}

#[tokio::test]
async fn a_closed_catalog_answers_that_it_is_away() {
    let world = World::sqlite().await;
    world.catalog.close().await;
    let error = world.catalog.commit_append(commit(vid(1), None), NOW).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}
