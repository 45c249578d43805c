//! A writer that died is noticed, and does not take the rest with it.

use crate::catalog::{Catalog, Error, sqlite::Sqlite};

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
