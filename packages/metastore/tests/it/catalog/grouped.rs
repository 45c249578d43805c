//! What only the Postgres catalog has: commits of many volumes that share a statement, and what they do to each other,
//! which is nothing.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::future::join_all;
use metastore::{
    catalog::{self, Catalog, CommitOutcome, Connections},
    commit::Invalid,
};
use sqlx::Executor;

use super::{round_trips::Watched, world::World};
use crate::values::{NOW, cid, commit, commit_of, lsn, must_commit, pages, segment, sid, vid, volume};

/// One segment with the first page of each of these volumes.
async fn shared_segment(catalog: &Arc<dyn Catalog>, number: u8, volumes: std::ops::RangeInclusive<u8>) {
    let held: Vec<_> = volumes.map(|volume| (vid(volume), pages([1]))).collect();
    catalog.segments_register(vec![segment(number, &held)], NOW).await.unwrap();
}

// All of them are asked for before any statement is under way: there is one thread.
#[tokio::test]
async fn commits_that_come_together_share_round_trips() {
    let watched = Watched::start().await;
    let catalog = watched.open(Connections { min: 0, max: 2, ..Connections::default() }).await;
    shared_segment(&catalog, 1, 1..=32).await;
    for number in 1..=32 {
        volume(&catalog, vid(number), 1).await;
    }
    let all = |base: u64| {
        join_all((1..=32).map(move |n| commit_of(vid(n), Some(base), 1, [1])).map(|call| must_commit(&catalog, call)))
    };
    // The statement is prepared, on both connections.
    all(1).await;
    all(2).await;
    let before = watched.asked.load(Ordering::SeqCst);
    let snapshots = all(3).await;
    let asked = watched.asked.load(Ordering::SeqCst) - before;
    assert!(asked <= 2, "{asked} round trips for 32 commits");
    for (number, snapshot) in (1..=32).zip(snapshots) {
        assert_eq!((snapshot.vid, snapshot.lsn, snapshot.checkpoint), (vid(number), lsn(4), lsn(1)));
        assert_eq!(catalog.snapshot_latest(vid(number)).await.unwrap(), Some(snapshot));
    }
}

#[tokio::test]
async fn a_commit_that_may_not_land_fails_alone() {
    let world = World::postgres().await;
    shared_segment(&world.catalog, 1, 1..=8).await;
    shared_segment(&world.catalog, 2, 3..=3).await;
    for number in 1..=8 {
        volume(&world.catalog, vid(number), 2).await;
    }
    // It is remembered, and gone.
    for table in ["segment", "segment_volume"] {
        let newest = "SELECT sid FROM segment_volume ORDER BY sid DESC LIMIT 1";
        world.tamper(&format!("DELETE FROM {table} WHERE sid = ({newest})")).await;
    }
    let calls = (1..=8).map(|number| match number {
        3 => commit_of(vid(3), Some(2), 2, [1]),
        5 => catgraft_proto::CommitCall { cid: cid(9), ..commit_of(vid(5), Some(1), 1, [1]) },
        number => commit_of(vid(number), Some(2), 1, [1]),
    });
    let outcomes = join_all(calls.map(|call| world.catalog.commit_append(call, NOW))).await;
    for (number, outcome) in (1..=8).zip(outcomes) {
        let head = world.catalog.snapshot_latest(vid(number)).await.unwrap().unwrap();
        match (number, outcome.unwrap()) {
            (3, CommitOutcome::Invalid(Invalid::SegmentUnknown { sid: missing })) => assert_eq!(missing, sid(2)),
            (5, CommitOutcome::Rejected { head }) => assert_eq!(head, Some(lsn(2))),
            (1 | 2 | 4 | 6..=8, CommitOutcome::Committed(snapshot)) => {
                assert_eq!((snapshot.lsn, head), (lsn(3), snapshot))
            }
            (_, outcome) => panic!("volume {number}: {outcome:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_whose_rows_somebody_holds_delay_no_other() {
    let world = World::postgres().await;
    for number in 1..=8 {
        volume(&world.catalog, vid(number), 1).await;
    }
    let mut beside = world.connect().await;
    beside.execute("BEGIN").await.unwrap();
    beside.execute("SELECT FROM volume ORDER BY vid LIMIT 2 FOR UPDATE").await.unwrap();
    // As many as there are statements, and one after the other, so that each would hold one up.
    // What it sees of other sessions is renewed with each transaction.
    let mut looking = world.connect().await;
    let mut held_up = Vec::new();
    for number in [1, 2] {
        let catalog = Arc::clone(&world.catalog);
        held_up.push(tokio::spawn(async move { must_commit(&catalog, commit(vid(number), Some(1))).await }));
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut looking).await.unwrap() < i64::from(number) {
            tokio::task::yield_now().await;
        }
    }
    let others = async {
        for base in 1..=20 {
            join_all((3..=8).map(|number| must_commit(&world.catalog, commit(vid(number), Some(base))))).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), others).await.expect("the others do not wait");
    assert!(held_up.iter().all(|commit| !commit.is_finished()));
    beside.execute("COMMIT").await.unwrap();
    for commit in held_up {
        assert_eq!(commit.await.unwrap().lsn, lsn(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_metastores_that_race_on_many_volumes_share_them_without_a_gap() {
    const VOLUMES: u8 = 24;
    let world = World::postgres().await;
    let other = catalog::open(world.location(), Connections::default()).await.unwrap();
    for number in 1..=VOLUMES {
        volume(&world.catalog, vid(number), 1).await;
    }
    for base in 1..=20 {
        let racers = [(&world.catalog, 1), (&other, 2)].into_iter().flat_map(|(catalog, client)| {
            // In opposite orders, as is worst for locks.
            let number_of = move |turn: u8| if client == 1 { turn } else { VOLUMES + 1 - turn };
            (1..=VOLUMES).map(move |turn| {
                let call = catgraft_proto::CommitCall { cid: cid(client), ..commit(vid(number_of(turn)), Some(base)) };
                let catalog = Arc::clone(catalog);
                tokio::spawn(async move { (call.vid, catalog.commit_append(call, NOW).await.unwrap()) })
            })
        });
        let outcomes: Vec<_> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
        for number in 1..=VOLUMES {
            let of_this = outcomes.iter().filter(|(volume, _)| *volume == vid(number));
            let (won, lost): (Vec<_>, Vec<_>) =
                of_this.map(|(_, outcome)| outcome).partition(|outcome| matches!(outcome, CommitOutcome::Committed(_)));
            assert_eq!(lost, [&CommitOutcome::Rejected { head: Some(lsn(base + 1)) }], "{won:?}");
        }
    }
}
