//! The writer waits for the disk. One that died is noticed, and does not take the rest with it.

use crate::catalog::{
    Catalog, Error,
    sqlite::{Sqlite, file},
};

#[tokio::test]
async fn a_catalog_whose_writer_died_gives_no_sign_of_life_and_still_closes() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Sqlite::open(&folder.path().join("catalog.sqlite"), 1).await.unwrap();
    catalog.ping().await.unwrap();
    let writer = catalog.writer().unwrap();
    writer.task.lock().await.as_ref().unwrap().abort();
    writer.jobs.closed().await;
    let Err(Error::Unavailable { source, .. }) = catalog.ping().await else { panic!("it seems alive") };
    assert!(source.to_string().contains("has died"), "{source}");
    catalog.close().await;
}

/// Only where the power fails would it be seen otherwise that a commit was acknowledged before it was on the disk.
#[tokio::test]
async fn a_transaction_ends_when_it_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = file::open_to_write(&folder.path().join("catalog.sqlite")).await.unwrap();
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await.unwrap();
    // 2 is FULL: the log is brought to the disk with every transaction.
    assert_eq!((journal.as_str(), synchronous), ("wal", 2));
}
