//! What only the embedded catalog has: a file that belongs to one process, and is left as it is when that is killed.

use std::{collections::BTreeSet, fs, sync::Arc};

use metastore::catalog::{self, Catalog, Connections, Error, Location};
use tempfile::TempDir;

use super::world::World;
use crate::values::{NOW, commit, commit_of, lsn, must_commit, pages, segment, vid};

const SQLITE_PAGE: usize = 4096;

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

/// The files of an embedded catalog, as a process that is killed now would leave them: its lock and the memory that
/// connections share are gone with it.
struct Left {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Left {
    fn now(world: &World) -> Self {
        let read = |suffix: &str| fs::read(format!("{}{suffix}", world.path().display())).unwrap();
        Self { database: read(""), log: read("-wal") }
    }

    /// Opens a copy, with the log up to some byte, as where the process was killed while it wrote.
    async fn open(&self, log_len: usize) -> (TempDir, Result<Arc<dyn Catalog>, Error>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        fs::write(&path, &self.database).unwrap();
        fs::write(format!("{}-wal", path.display()), &self.log[..log_len]).unwrap();
        let opened = catalog::open(&Location::sqlite(path), Connections::default()).await;
        (folder, opened)
    }
}

/// SQLite appends to its log, and what is in the log is all that a kill can cut.
#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_process_is_killed_the_acknowledged_commits_are_there_and_no_half_one() {
    let world = World::sqlite().await;
    let mut acknowledged = vec![Left::now(&world).log.len()];
    for base in 0..6 {
        let held = [(vid(1), pages([1, 2, 3]))];
        world.catalog.segments_register(vec![segment(base, &held)], NOW).await.unwrap();
        let base_lsn = (base > 0).then_some(u64::from(base));
        must_commit(&world.catalog, commit_of(vid(1), base_lsn, base, [1, 2, 3])).await;
        acknowledged.push(Left::now(&world).log.len());
    }
    let left = Left::now(&world);
    assert!(acknowledged.is_sorted_by(|before, after| before < after), "the log was begun anew: {acknowledged:?}");
    // At the ends of what was acknowledged, beside them, and everywhere in between.
    let beside = acknowledged.iter().flat_map(|len| [len.saturating_sub(1), *len, len + 1]);
    let cuts = beside.chain((acknowledged[0]..left.log.len()).step_by(1499)).filter(|cut| *cut <= left.log.len());
    for cut in cuts.collect::<BTreeSet<_>>() {
        let (_folder, catalog) = left.open(cut).await;
        let catalog = catalog.unwrap();
        catalog.schema_check().await.unwrap();
        let head = catalog.snapshot_latest(vid(1)).await.unwrap().map_or(0, |head| head.lsn.get());
        let expected = acknowledged.iter().filter(|len| **len <= cut).count().saturating_sub(1) as u64;
        assert_eq!(head, expected, "killed at byte {cut} of the log; acknowledged at {acknowledged:?}");
        let again = commit(vid(1), (head > 0).then_some(head));
        assert_eq!(must_commit(&catalog, again).await.lsn.get(), head + 1);
    }
}

/// What a damaged file answers is an error or what was there, and the end of nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_an_error_and_no_panic() {
    let world = World::sqlite().await;
    for base in 0..20 {
        must_commit(&world.catalog, commit(vid(1), (base > 0).then_some(base))).await;
    }
    let head = world.catalog.snapshot_latest(vid(1)).await.unwrap();
    world.catalog.close().await;
    let database = fs::read(world.path()).unwrap();
    let mut errors = 0;
    for page in 0..database.len() / SQLITE_PAGE {
        let mut left = Left { database: database.clone(), log: Vec::new() };
        left.database[page * SQLITE_PAGE..][..SQLITE_PAGE].fill(0xA5);
        let (_folder, opened) = left.open(0).await;
        let outcome = match opened {
            Ok(catalog) => catalog.snapshot_latest(vid(1)).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(found) => assert_eq!(found, head, "page {page}"),
            Err(error) => {
                errors += 1;
                assert!(matches!(error, Error::Internal { .. }), "page {page}: {error:?}");
            }
        }
    }
    assert!(errors >= 2, "the first page and the table's must be missed");
}
