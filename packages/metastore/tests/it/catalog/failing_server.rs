//! What only the Postgres catalog has: a server, and all the ways in which it fails. Each test has a server of its own,
//! a real one.

use std::{
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use catgraft_core::VolumeId;
use catgraft_testkit::postgres::{Cluster, TestDatabase};
use futures::future::join_all;
use metastore::catalog::{self, Catalog, CommitOutcome, CommitsWanted, Connections, Error, Location};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::{task::JoinSet, time::Instant};

use crate::values::{NOW, commit, lsn, must_commit, vid};

/// A migrated catalog on a server of its own.
struct World {
    catalog: Arc<dyn Catalog>,
    database: TestDatabase,
    cluster: Arc<Cluster>,
}

impl World {
    async fn start() -> Self {
        Self::start_as(|url| url.to_owned()).await
    }

    /// The catalog is reached by what is made of the database's URL.
    async fn start_as(url: impl FnOnce(&str) -> String) -> Self {
        Self::start_on(tokio::task::spawn_blocking(Cluster::start).await.unwrap(), url).await
    }

    async fn start_on(cluster: Cluster, url: impl FnOnce(&str) -> String) -> Self {
        let cluster = Arc::new(cluster);
        let database = cluster.database().await;
        catalog::migrate(&Location::postgres(database.url()).unwrap(), false).await.unwrap();
        let location = Location::postgres(&url(database.url())).unwrap();
        let catalog = catalog::open(&location, Connections { min: 0, ..Connections::default() }).await.unwrap();
        Self { catalog, database, cluster }
    }

    /// Runs a statement beside the catalog, whatever the database is set to.
    async fn run(&self, statement: &str) {
        let mut beside = self.database.connect().await;
        beside.execute("SET default_transaction_read_only = off").await.unwrap();
        beside.execute(AssertSqlSafe(statement)).await.unwrap();
        beside.close().await.unwrap();
    }

    async fn alter_database(&self, how: &str) {
        let options: PgConnectOptions = self.database.url().parse().unwrap();
        self.run(&format!("ALTER DATABASE \"{}\" {how}", options.get_database().unwrap())).await;
    }
}

/// Commits to a volume of its own until it is told to stop, and again what was not answered. Answers how often it was
/// acknowledged; every LSN that is told has to be the next.
async fn write(catalog: Arc<dyn Catalog>, vid: VolumeId, acknowledged: Arc<AtomicU64>, stop: Arc<AtomicU64>) -> u64 {
    let mut head = 0;
    while stop.load(Ordering::Relaxed) == 0 {
        let call = commit(vid, (head > 0).then_some(head));
        match catalog.commit_append(call, NOW).await {
            Ok(CommitOutcome::Committed(snapshot) | CommitOutcome::AlreadyCommitted(snapshot)) => {
                head += 1;
                assert_eq!(snapshot.lsn, lsn(head));
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Ok(outcome) => panic!("LSN {}: {outcome:?}", head + 1),
            Err(error) => {
                assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
                tokio::task::yield_now().await;
            }
        }
    }
    head
}

/// Four writers, and mishaps each time that they got somewhere. Afterwards all that was acknowledged is there.
async fn write_beside<M: AsyncFnMut(usize)>(catalog: &Arc<dyn Catalog>, mishaps: usize, mut mishap: M) {
    let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut writers = JoinSet::new();
    for number in 1..=4 {
        let (catalog, acknowledged, stop) = (Arc::clone(catalog), Arc::clone(&acknowledged), Arc::clone(&stop));
        writers.spawn(async move { (vid(number), write(catalog, vid(number), acknowledged, stop).await) });
    }
    let more = async |writers: &mut JoinSet<_>, count: u64| {
        let goal = acknowledged.load(Ordering::Relaxed) + count;
        while acknowledged.load(Ordering::Relaxed) < goal {
            let ended = writers.try_join_next().map(|ended| ended.map_err(|error| error.to_string()));
            assert!(ended.is_none(), "a writer ended: {ended:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    for number in 0..mishaps {
        more(&mut writers, 40).await;
        mishap(number).await;
    }
    more(&mut writers, 40).await;
    stop.store(1, Ordering::Relaxed);
    for (vid, head) in writers.join_all().await {
        let page = catalog.commits_read(vid, CommitsWanted::range(None, None)).await.unwrap().unwrap();
        let lsns: Vec<_> = page.commits.iter().map(|commit| commit.lsn).collect();
        assert_eq!(lsns, (1..=head).map(lsn).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_no_commit_and_is_used_again_when_it_is_back() {
    let world = World::start().await;
    write_beside(&world.catalog, 5, async |_| {
        let cluster = Arc::clone(&world.cluster);
        tokio::task::spawn_blocking(move || cluster.kill()).await.unwrap();
        let gone = world.catalog.ping().await.unwrap_err();
        assert!(matches!(gone, Error::Unavailable { .. }), "{gone:?}");
        let cluster = Arc::clone(&world.cluster);
        tokio::task::spawn_blocking(move || cluster.restart()).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_are_replaced_and_no_call_fails() {
    const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let world = World::start().await;
    must_commit(&world.catalog, commit(vid(1), None)).await;
    for base in 1..=5 {
        // More of them than a call has attempts.
        for read in join_all((0..8).map(|_| world.catalog.snapshot_latest(vid(1)))).await {
            read.unwrap();
        }
        world.run(END).await;
        must_commit(&world.catalog, commit(vid(1), Some(base))).await;
    }
    write_beside(&world.catalog, 20, async |_| world.run(END).await).await;
}

/// The address leads from a server that died to the standby that took its place. For a while before, the standby
/// heard nothing: what is acknowledged then would be lost.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_the_standby_has_every_commit_and_takes_more() {
    let address = tempfile::tempdir().unwrap();
    let address = address.path().join("postgres");
    let world = World::start_as(|url| {
        let folder = PgConnectOptions::get_socket(&url.parse().unwrap()).cloned();
        let folder = folder.unwrap_or_else(|| url.parse::<PgConnectOptions>().unwrap().get_host().into());
        symlink(&folder, &address).unwrap();
        url.replace(&folder.display().to_string(), &address.display().to_string())
    })
    .await;
    let standby = world.cluster.standby().await;
    let mut looking = world.database.connect().await;
    write_beside(&world.catalog, 1, async |_| {
        standby.cut_off().await;
        // Commits of which the standby has not heard wait for it; where they do not, some are acknowledged now.
        let state = "SELECT (SELECT count(*) FROM pg_stat_replication),
                            (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'),
                            (SELECT sum(head_lsn) FROM volume)::bigint";
        let state = async |looking: &mut PgConnection| {
            sqlx::query_as::<_, (i64, i64, i64)>(state).fetch_one(looking).await.unwrap()
        };
        while state(&mut looking).await.0 > 0 {}
        let (.., landed) = state(&mut looking).await;
        loop {
            let (_, waiting, landed_now) = state(&mut looking).await;
            if waiting > 0 || landed_now >= landed + 40 {
                break;
            }
        }
        let cluster = Arc::clone(&world.cluster);
        tokio::task::spawn_blocking(move || cluster.kill()).await.unwrap();
        standby.promote().await;
        move_address(&address, standby.folder());
    })
    .await;
}

fn move_address(address: &Path, folder: &Path) {
    let next = address.with_extension("next");
    symlink(folder, &next).unwrap();
    std::fs::rename(next, address).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_only_reads_is_read_and_written_to_when_it_writes_again() {
    let world = World::start().await;
    world.alter_database("SET default_transaction_read_only = on").await;
    // The setting is read when a connection begins.
    let error = world.catalog.commit_append(commit(vid(1), None), NOW).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(world.catalog.snapshot_latest(vid(1)).await.unwrap(), None);
    world.alter_database("RESET default_transaction_read_only").await;
    // Connections that may only read are open still, and are replaced.
    must_commit(&world.catalog, commit(vid(1), None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_connection_to_spare_is_unavailable_until_it_has_one() {
    let world = World::start_as(|url| url.replace("user=postgres", "user=service")).await;
    world.run("CREATE ROLE service LOGIN CONNECTION LIMIT 1").await;
    world.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO service").await;
    let taken = world.database.url().replace("user=postgres", "user=service");
    let taken = PgConnection::connect(&taken).await.unwrap();
    let error = world.catalog.ping().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("too many connections"), "{source}");
    taken.close().await.unwrap();
    // The server takes note of a closed connection in its own time.
    while let Err(error) = world.catalog.ping().await {
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    }
    must_commit(&world.catalog, commit(vid(1), None)).await;
}

/// Makes the server undo the next commits with an error. What a sequence counts is not undone.
async fn undo_commits(world: &World, count: u32, code: &str) {
    world.run("CREATE SEQUENCE undone").await;
    world
        .run(&format!(
            "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('undone') <= {count} THEN RAISE EXCEPTION 'undone' USING ERRCODE = '{code}'; END IF;
                 RETURN NEW;
             END $$"
        ))
        .await;
    world.run("CREATE TRIGGER undo BEFORE INSERT ON volume_commit FOR EACH ROW EXECUTE FUNCTION undo()").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_server_undid_because_of_others_is_tried_again() {
    for code in ["40001", "40P01"] {
        let world = World::start().await;
        undo_commits(&world, 3, code).await;
        assert_eq!(must_commit(&world.catalog, commit(vid(1), None)).await.lsn, lsn(1), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_server_undoes_for_ever_is_unavailable_and_did_not_land() {
    let world = World::start().await;
    undo_commits(&world, 4, "40P01").await;
    let error = world.catalog.commit_append(commit(vid(1), None), NOW).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(world.catalog.snapshot_latest(vid(1)).await.unwrap(), None);
    must_commit(&world.catalog, commit(vid(1), None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_commits_fail_whole_reads_go_on_and_room_is_used_again() {
    let world = match Cluster::start_with_small_disk(4).await {
        Some(cluster) => World::start_on(cluster, |url| url.to_owned()).await,
        // Where there can't be a small disk, the server says once what it would say.
        None => World::start().await,
    };
    let is_small = sqlx::query("SELECT FROM pg_tablespace WHERE spcname = 'small'");
    let is_small = is_small.fetch_optional(&mut world.database.connect().await).await.unwrap().is_some();
    if is_small {
        world.run("ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE small").await;
        world.run("ALTER INDEX ALL IN TABLESPACE pg_default SET TABLESPACE small").await;
        world.run("CREATE TABLE filler (content text) TABLESPACE small").await;
        let fill = "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 10000)";
        let full = world.database.connect().await.execute(fill).await.unwrap_err().to_string();
        assert!(full.contains("No space left on device"), "{full}");
    } else {
        undo_commits(&world, 1, "53100").await;
    }
    // Tables have room of their own for some.
    let (mut head, mut failed) = (0, None);
    while failed.is_none() {
        assert!(head < 1000, "the disk is not full");
        match world.catalog.commit_append(commit(vid(1), (head > 0).then_some(head)), NOW).await {
            Ok(CommitOutcome::Committed(snapshot)) if snapshot.lsn == lsn(head + 1) => head += 1,
            Ok(outcome) => panic!("LSN {}: {outcome:?}", head + 1),
            Err(error) => failed = Some(error),
        }
    }
    assert!(matches!(failed, Some(Error::Unavailable { .. })), "{failed:?}");
    let found = world.catalog.snapshot_latest(vid(1)).await.unwrap().map_or(0, |snapshot| snapshot.lsn.get());
    assert_eq!(found, head);
    if is_small {
        world.run("DROP TABLE filler").await;
    }
    assert_eq!(must_commit(&world.catalog, commit(vid(1), (head > 0).then_some(head))).await.lsn, lsn(head + 1));
}

// The clock of the test is put forward, and not waited for.
#[tokio::test]
async fn a_commit_that_the_server_holds_up_is_given_up_and_lands_once_at_most() {
    let world = World::start().await;
    // Commits end with an error where the server has no limit of its own, a little behind ours.
    world
        .run(
            "CREATE FUNCTION must_be_limited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 ASSERT current_setting('statement_timeout') = '25s';
                 RETURN NEW;
             END $$",
        )
        .await;
    world
        .run("CREATE TRIGGER limited BEFORE INSERT ON volume_commit FOR EACH ROW EXECUTE FUNCTION must_be_limited()")
        .await;
    // The second one has the server know the statement, so that all of the next one is there when it is held up.
    must_commit(&world.catalog, commit(vid(1), None)).await;
    must_commit(&world.catalog, commit(vid(1), Some(1))).await;
    must_commit(&world.catalog, commit(vid(2), None)).await;
    let mut beside = world.database.connect().await;
    beside.execute("BEGIN").await.unwrap();
    beside.execute("LOCK TABLE volume_commit IN SHARE MODE").await.unwrap();
    let catalog = Arc::clone(&world.catalog);
    let held_up = tokio::spawn(async move { catalog.commit_append(commit(vid(1), Some(2)), NOW).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let mut looking = world.database.connect().await;
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut looking).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.catalog.snapshot_latest(vid(2)).await.unwrap().unwrap().lsn, lsn(1), "reads go on");
    tokio::time::pause();
    let paused = Instant::now();
    tokio::time::advance(Duration::from_secs(21)).await;
    let error = held_up.await.unwrap().unwrap_err();
    assert!(paused.elapsed() < Duration::from_secs(25), "given up after {:?}", paused.elapsed());
    tokio::time::resume();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    beside.execute("COMMIT").await.unwrap();
    // The one that was given up lands, and the client's next try is the same commit.
    while world.catalog.snapshot_latest(vid(1)).await.unwrap().unwrap().lsn < lsn(3) {
        tokio::task::yield_now().await;
    }
    let snapshot = match world.catalog.commit_append(commit(vid(1), Some(2)), NOW).await.unwrap() {
        CommitOutcome::AlreadyCommitted(snapshot) => snapshot,
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(snapshot.lsn, lsn(3));
    assert_eq!(world.catalog.snapshot_latest(vid(1)).await.unwrap(), Some(snapshot));
}
