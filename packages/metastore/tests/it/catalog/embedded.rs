//! What only the embedded catalog has: a file that belongs to one process, and is left as it is when that is killed.

use std::{collections::BTreeSet, fs, sync::Arc};

use metastore::catalog::{self, Catalog, CommitsWanted, Connections, Error, Location};
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
#[derive(Clone)]
struct Left {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Left {
    fn now(world: &World) -> Self {
        let read = |suffix: &str| fs::read(format!("{}{suffix}", world.path().display())).unwrap();
        Self { database: read(""), log: read("-wal") }
    }

    /// Opens a copy.
    async fn open(&self) -> (TempDir, Result<Arc<dyn Catalog>, Error>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        fs::write(&path, &self.database).unwrap();
        fs::write(format!("{}-wal", path.display()), &self.log).unwrap();
        let opened = catalog::open(&Location::sqlite(path), Connections::default()).await;
        (folder, opened)
    }

    /// The head's LSN in a copy, which has every commit up to it and takes the next one.
    async fn head(&self) -> u64 {
        let (_folder, catalog) = self.open().await;
        let catalog = catalog.unwrap();
        catalog.schema_check().await.unwrap();
        let page = catalog.commits_read(vid(1), CommitsWanted::range(None, None)).await.unwrap();
        let lsns: Vec<u64> = page.iter().flat_map(|page| &page.commits).map(|commit| commit.lsn.get()).collect();
        let head = page.map_or(0, |page| page.head.lsn.get());
        assert_eq!(lsns, (1..=head).collect::<Vec<_>>());
        let again = commit(vid(1), (head > 0).then_some(head));
        assert_eq!(must_commit(&catalog, again).await.lsn.get(), head + 1);
        head
    }
}

/// Commits with a segment on this base; 0 is none.
async fn must_commit_on(world: &World, base: u8) {
    let held = [(vid(1), pages([1, 2, 3]))];
    world.catalog.segments_register(vec![segment(base, &held)], NOW).await.unwrap();
    let base_lsn = (base > 0).then_some(u64::from(base));
    must_commit(&world.catalog, commit_of(vid(1), base_lsn, base, [1, 2, 3])).await;
}

/// SQLite appends to its log, and what is in the log is all that a kill can cut, but for checkpoints.
#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_process_is_killed_the_acknowledged_commits_are_there_and_no_half_one() {
    let world = World::sqlite().await;
    let mut acknowledged = vec![Left::now(&world).log.len()];
    for base in 0..6 {
        must_commit_on(&world, base).await;
        acknowledged.push(Left::now(&world).log.len());
    }
    let Left { database, log } = Left::now(&world);
    assert!(acknowledged.is_sorted_by(|before, after| before < after), "the log was begun anew: {acknowledged:?}");
    // At the ends of what was acknowledged, beside them, and everywhere in between.
    let beside = acknowledged.iter().flat_map(|len| [len.saturating_sub(1), *len, len + 1]);
    let cuts = beside.chain((acknowledged[0]..log.len()).step_by(1499)).filter(|cut| *cut <= log.len());
    for cut in cuts.collect::<BTreeSet<_>>() {
        let left = Left { database: database.clone(), log: log[..cut].to_vec() };
        let expected = acknowledged.iter().filter(|len| **len <= cut).count().saturating_sub(1) as u64;
        assert_eq!(left.head().await, expected, "killed at byte {cut} of the log; acknowledged at {acknowledged:?}");
    }
}

/// A checkpoint writes what the log has into the database, page by page, and leaves the log as it is.
#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_checkpoint_is_killed_the_acknowledged_commits_are_there() {
    let (before, after) = checkpointed(&World::sqlite().await).await;
    let (old, new) = (&before.database, &after.database);
    for cut in (0..=new.len()).step_by(SQLITE_PAGE / 2) {
        // The first pages were written, or the last ones before them; half a page, too.
        for (first, rest) in [(new, old), (old, new)] {
            let mut database = first[..cut.min(first.len())].to_vec();
            if cut < rest.len() {
                database.resize(cut, 0);
                database.extend(&rest[cut..]);
            }
            let left = Left { database, log: after.log.clone() };
            assert_eq!(left.head().await, 6, "killed at byte {cut} of the database");
        }
    }
}

/// After a checkpoint the next commit begins the log anew, over what it had.
#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_process_is_killed_while_it_begins_its_log_anew_the_acknowledged_commits_are_there() {
    let world = World::sqlite().await;
    let (_, Left { database, log: old }) = checkpointed(&world).await;
    must_commit_on(&world, 6).await;
    let new = Left::now(&world);
    assert!(new.database == database && new.log.len() == old.len(), "the log was not begun anew");
    let written = 1 + (0..old.len()).rfind(|at| old[*at] != new.log[*at]).unwrap();
    assert!(written < old.len(), "all of the log was written over");
    let cuts = (0..=32).chain((32..written).step_by(1499)).chain([written - 1, written, old.len()]);
    for cut in cuts {
        let left = Left { database: database.clone(), log: [&new.log[..cut], &old[cut..]].concat() };
        let expected = if cut < written { 6 } else { 7 };
        assert_eq!(left.head().await, expected, "killed at byte {cut} of the log; acknowledged at {written}");
    }
}

/// Six commits, before and after a checkpoint that wrote all of them.
async fn checkpointed(world: &World) -> (Left, Left) {
    for base in 0..6 {
        must_commit_on(world, base).await;
    }
    let before = Left::now(world);
    world.tamper("PRAGMA wal_checkpoint").await;
    let after = Left::now(world);
    assert!(before.database != after.database && before.log == after.log, "there was no checkpoint");
    let alone = Left { log: Vec::new(), ..after.clone() };
    assert_eq!(alone.head().await, 6, "the checkpoint was not of all commits");
    (before, after)
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
        let (_folder, opened) = left.open().await;
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
