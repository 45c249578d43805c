//! Segments that no commit names: doomed, pardoned, removed, at every point at which a commit may still name one.

use std::{sync::Arc, time::Duration};

use catgraft_core::{PageCount, SegmentId, Timestamp, VolumeId, limits::ORPHAN_GRACE_MIN};
use catgraft_proto::{CommitCall, SegmentPages};
use futures::future::join_all;
use metastore::{
    catalog::{self, Catalog, CommitOutcome, Connections, Error, SegmentChange, SegmentRow, Stray},
    commit::Invalid,
    orphans::{self, Grace, Searched, StrayObject},
};

use super::world::World;
use crate::values::{NOW, commit, commit_of, lsn, must_commit, pages, segment, sid, vid};

const HOUR_MS: u64 = 3_600_000;
const GRACE_HOURS: u64 = 24;

fn grace() -> Grace {
    Grace::new(Duration::from_secs(GRACE_HOURS * 3600)).unwrap()
}

/// So many hours after everything was registered.
fn hours(hours: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + hours * HOUR_MS)
}

/// When everything that was registered is old enough to be doomed, for the search too.
fn doom_time() -> Timestamp {
    hours(GRACE_HOURS + 1)
}

/// When what was doomed then is old enough to be removed.
fn due_time() -> Timestamp {
    hours(2 * GRACE_HOURS + 1)
}

async fn register(world: &World, numbers: impl IntoIterator<Item = u8>) {
    let rows = numbers.into_iter().map(|number| segment(number, &[(vid(1), pages(1..=4))])).collect();
    world.catalog.segments_register(rows, NOW).await.unwrap();
}

async fn search(world: &World, now: Timestamp) -> Searched {
    orphans::search(&*world.catalog, grace(), now).await.unwrap()
}

async fn due(world: &World, now: Timestamp) -> Vec<u8> {
    let due = orphans::due(&*world.catalog, grace(), now).await.unwrap();
    let numbers = due.iter().map(|stray| stray.sid.as_bytes()[15]);
    numbers.collect()
}

async fn doom(world: &World, number: u8, at: Timestamp) {
    let doomed = world.catalog.segments_change(SegmentChange::Doom { sids: vec![sid(number)], at }).await.unwrap();
    assert_eq!(doomed, 1);
}

async fn doomed_at(world: &World, number: u8) -> Option<Timestamp> {
    let states = world.catalog.segments_list(None, 100).await.unwrap();
    states.iter().find(|state| state.row.sid == sid(number)).expect("the segment has a row").doomed_at
}

async fn must_be_unknown(catalog: &Arc<dyn Catalog>, call: CommitCall) {
    let named = call.segments[0].sid;
    let outcome = catalog.commit_append(call, NOW).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Invalid(Invalid::SegmentUnknown { sid: named }));
}

pub(super) async fn only_what_no_commit_names_for_the_grace_period_is_doomed(world: World) {
    register(&world, 1..=3).await;
    must_commit(&world.catalog, commit_of(vid(1), None, 2, [1])).await;
    let early = Timestamp::from_millis(doom_time().as_millis() - 1);
    assert_eq!(search(&world, early).await, Searched { looked_at: 0, doomed: 0, is_done: true });
    assert_eq!(search(&world, doom_time()).await, Searched { looked_at: 3, doomed: 2, is_done: true });
    assert_eq!(doomed_at(&world, 1).await, Some(doom_time()));
    assert_eq!(doomed_at(&world, 2).await, None);
    assert_eq!(doomed_at(&world, 3).await, Some(doom_time()));
}

pub(super) async fn a_segment_that_was_registered_late_is_left_alone_for_the_grace_period_too(world: World) {
    world.catalog.segments_register(vec![segment(1, &[(vid(1), pages([1]))])], hours(20)).await.unwrap();
    assert_eq!(search(&world, doom_time()).await.doomed, 0);
    assert_eq!(doomed_at(&world, 1).await, None);
}

pub(super) async fn every_segment_is_looked_at_once(world: World) {
    register(&world, [1, 3]).await;
    assert_eq!(search(&world, doom_time()).await.looked_at, 2);
    assert_eq!(world.catalog.orphan_mark().await.unwrap(), Some(sid(3)));
    assert_eq!(search(&world, due_time()).await, Searched { looked_at: 0, doomed: 0, is_done: true });
    // The mark of a search that was overtaken does not set the other one back.
    assert_eq!(world.catalog.segments_change(SegmentChange::Mark { sid: sid(2) }).await.unwrap(), 0);
    assert_eq!(world.catalog.orphan_mark().await.unwrap(), Some(sid(3)));
    register(&world, [4]).await;
    assert_eq!(search(&world, due_time()).await.looked_at, 1);
}

pub(super) async fn a_commit_that_names_a_doomed_segment_is_refused_as_if_it_were_not_there(world: World) {
    register(&world, 1..=2).await;
    must_commit(&world.catalog, commit_of(vid(1), None, 2, [1])).await;
    doom(&world, 1, doom_time()).await;
    // A first commit and a next one have statements of their own; this catalog remembers that it registered both.
    must_be_unknown(&world.catalog, commit_of(vid(1), Some(1), 1, [1])).await;
    let rows = vec![segment(9, &[(vid(2), pages([1]))])];
    world.catalog.segments_register(rows, NOW).await.unwrap();
    doom(&world, 9, doom_time()).await;
    must_be_unknown(&world.catalog, commit_of(vid(2), None, 9, [1])).await;
    assert_eq!(world.catalog.snapshot_latest(vid(2)).await.unwrap(), None);
    // What is read is read on: a commit may have landed in between.
    assert_eq!(world.catalog.segments_read(&[sid(1)]).await.unwrap().len(), 1);
    assert_eq!(world.catalog.snapshot_latest(vid(1)).await.unwrap().unwrap().lsn, lsn(1));
}

pub(super) async fn a_doomed_segment_is_due_a_grace_period_later_and_its_rows_go_last(world: World) {
    register(&world, 1..=2).await;
    must_commit(&world.catalog, commit_of(vid(1), None, 2, [1])).await;
    search(&world, doom_time()).await;
    let again = SegmentChange::Doom { sids: vec![sid(1)], at: due_time() };
    assert_eq!(world.catalog.segments_change(again).await.unwrap(), 0, "it stays doomed since then");
    let early = Timestamp::from_millis(due_time().as_millis() - 1);
    assert_eq!(due(&world, early).await, [0u8; 0]);
    let removed = |now| orphans::remove(&*world.catalog, vec![sid(1), sid(2)], grace(), now);
    assert_eq!(removed(early).await.unwrap(), 0, "nor are rows removed that are not due");
    assert_eq!(due(&world, due_time()).await, [1]);
    // Whoever was to remove it has died: it is due again.
    assert_eq!(due(&world, due_time()).await, [1]);
    assert_eq!(removed(due_time()).await.unwrap(), 1, "segment 2 is not doomed");
    assert_eq!(removed(due_time()).await.unwrap(), 0);
    assert_eq!(due(&world, due_time()).await, [0u8; 0]);
    assert_eq!(world.catalog.segments_read(&[sid(1), sid(2)]).await.unwrap().len(), 1);
    assert_eq!(world.catalog.volume_stats(vid(1)).await.unwrap().unwrap().segments, 1);
    must_be_unknown(&world.catalog, commit_of(vid(1), Some(1), 1, [1])).await;
}

pub(super) async fn a_segment_that_a_commit_took_while_it_was_doomed_is_pardoned(world: World) {
    register(&world, 1..=2).await;
    // The commit began before the segment was doomed, and landed afterwards.
    must_commit(&world.catalog, commit_of(vid(1), None, 1, [1])).await;
    doom(&world, 1, doom_time()).await;
    doom(&world, 2, doom_time()).await;
    assert_eq!(due(&world, due_time()).await, [2]);
    assert_eq!(doomed_at(&world, 1).await, None);
    must_commit(&world.catalog, commit_of(vid(1), Some(1), 1, [2])).await;
}

pub(super) async fn a_doomed_segment_is_not_registered_again(world: World) {
    register(&world, 1..=1).await;
    doom(&world, 1, doom_time()).await;
    let row = segment(1, &[(vid(1), pages(1..=4))]);
    let error = world.catalog.segments_register(vec![row], NOW).await.unwrap_err();
    assert!(matches!(error, Error::SegmentDoomed { sid: found } if found == sid(1)), "{error:?}");
    assert_eq!(doomed_at(&world, 1).await, Some(doom_time()));
}

pub(super) async fn an_object_without_a_row_gets_one_and_goes_the_same_way(world: World) {
    register(&world, 1..=1).await;
    let object = |number| StrayObject { stray: Stray { sid: sid(number), byte_len: 5000 }, vids: vec![vid(1)] };
    let strays: Vec<_> = (1..=2).map(object).collect();
    let adopted = |now| orphans::adopt(&*world.catalog, strays.clone(), grace(), now);
    assert_eq!(adopted(hours(23)).await.unwrap(), 0, "it is not old enough");
    assert_eq!(adopted(hours(24)).await.unwrap(), 1, "segment 1 has a row");
    assert_eq!(adopted(hours(25)).await.unwrap(), 0);
    assert_eq!((doomed_at(&world, 1).await, doomed_at(&world, 2).await), (None, Some(hours(24))));
    // Its registration comes too late.
    let row = segment(2, &[(vid(1), pages([1]))]);
    let error = world.catalog.segments_register(vec![row], NOW).await.unwrap_err();
    assert!(matches!(error, Error::SegmentDoomed { .. }), "{error:?}");
    must_be_unknown(&world.catalog, commit_of(vid(1), None, 2, [1])).await;
    assert_eq!(due(&world, hours(47)).await, [0u8; 0]);
    assert_eq!(due(&world, hours(48)).await, [2]);
    assert_eq!(orphans::remove(&*world.catalog, vec![sid(2)], grace(), hours(48)).await.unwrap(), 1);
}

pub(super) async fn an_object_whose_row_was_lost_is_kept_for_the_commit_that_names_it(world: World) {
    register(&world, 1..=2).await;
    must_commit(&world.catalog, commit(vid(1), None)).await;
    must_commit(&world.catalog, commit_of(vid(1), Some(1), 1, [1])).await;
    world.tamper("DELETE FROM segment_volume").await;
    world.tamper("DELETE FROM segment").await;
    let object = |number| StrayObject { stray: Stray { sid: sid(number), byte_len: 5000 }, vids: vec![vid(7), vid(1)] };
    let adopted = orphans::adopt(&*world.catalog, vec![object(1), object(2)], grace(), hours(24)).await.unwrap();
    assert_eq!(adopted, 1);
    assert_eq!(doomed_at(&world, 2).await, Some(hours(24)));
    assert_eq!(world.catalog.segments_read(&[sid(1)]).await.unwrap(), []);
}

pub(super) async fn the_commit_is_found_in_whichever_log_and_wherever_it_is(world: World) {
    let volumes = |number| vec![(vid(number), pages([1])), (vid(number + 1), pages([2])), (vid(9), pages([3]))];
    let rows = (1..=6).map(|number| segment(number, &volumes(number))).collect();
    world.catalog.segments_register(rows, NOW).await.unwrap();
    // Segment 1 is named of its second volume, 3 in the middle of a log, 4 as its head; the others are not.
    must_commit(&world.catalog, commit_of(vid(2), None, 1, [2])).await;
    must_commit(&world.catalog, commit(vid(9), None)).await;
    must_commit(&world.catalog, commit_of(vid(9), Some(1), 3, [3])).await;
    must_commit(&world.catalog, commit(vid(9), Some(2))).await;
    must_commit(&world.catalog, commit_of(vid(9), Some(3), 4, [3])).await;
    assert_eq!(search(&world, doom_time()).await, Searched { looked_at: 6, doomed: 3, is_done: true });
    assert_eq!(due(&world, due_time()).await, [2, 5, 6]);
}

/// An id of which there are more than a byte counts.
fn many(number: u16) -> [u8; 9] {
    let [high, low] = number.to_be_bytes();
    [high, low, 0, 0, 0, 0, 0, 0, 0]
}

pub(super) async fn the_commit_is_found_in_the_last_of_thousands_of_volumes(world: World) {
    let vids: Vec<VolumeId> = (0..5000).map(|number| VolumeId::from_parts(NOW, many(number))).collect();
    let volumes: Vec<_> = vids.iter().map(|vid| (*vid, pages([1]))).collect();
    world.catalog.segments_register(vec![segment(1, &volumes), segment(2, &volumes[..1])], NOW).await.unwrap();
    must_commit(&world.catalog, commit_of(vids[4999], None, 1, [1])).await;
    assert_eq!(search(&world, doom_time()).await, Searched { looked_at: 2, doomed: 1, is_done: true });
    assert_eq!(doomed_at(&world, 1).await, None);
}

pub(super) async fn behind_segments_that_are_pardoned_others_are_due(world: World) {
    let held = vec![(vid(1), pages([1]))];
    let sids: Vec<SegmentId> = (0..600).map(|number| SegmentId::from_parts(NOW, many(number))).collect();
    let rows = sids.iter().map(|sid| SegmentRow { sid: *sid, ..segment(1, &held) }).collect();
    world.catalog.segments_register(rows, NOW).await.unwrap();
    let segments = sids[..599].iter().map(|sid| SegmentPages { sid: *sid, pages: pages([1]) }).collect();
    must_commit(&world.catalog, CommitCall { segments, ..commit(vid(1), None) }).await;
    let change = SegmentChange::Doom { sids: sids.clone(), at: doom_time() };
    assert_eq!(world.catalog.segments_change(change).await.unwrap(), 600);
    let due = orphans::due(&*world.catalog, grace(), due_time()).await.unwrap();
    assert_eq!(due.iter().map(|stray| stray.sid).collect::<Vec<_>>(), sids[599..]);
}

pub(super) async fn a_long_log_is_searched_from_when_the_segment_was_registered(world: World) {
    register(&world, [1, 2]).await;
    let early = SegmentRow { byte_len: 9_999, ..segment(3, &[(vid(1), pages([1]))]) };
    world.catalog.segments_register(vec![early], NOW).await.unwrap();
    must_commit(&world.catalog, commit_of(vid(1), None, 1, [1])).await;
    must_commit(&world.catalog, commit_of(vid(1), Some(1), 3, [1])).await;
    must_commit(&world.catalog, commit(vid(1), Some(2))).await;
    // 20,000 commits, one a second. Segment 3 was registered and named at the beginning, the others were registered at the
    // 15,000th; the commit that names the first one came from a metastore whose clock is half an hour behind.
    world
        .tamper(
            "INSERT INTO volume_commit (vid, lsn, cid, page_count, committed_at, segments)
             WITH RECURSIVE n (i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
             SELECT vid, i, cid, page_count, committed_at + 1000 * i, segments FROM volume_commit, n WHERE lsn = 3",
        )
        .await;
    let take = |from: u64, to: u64| {
        format!(
            "UPDATE volume_commit SET segments = (SELECT segments FROM volume_commit WHERE lsn = {from}) WHERE lsn = {to}"
        )
    };
    for statement in [
        "UPDATE volume SET head_lsn = 20000",
        "UPDATE segment SET registered_at = registered_at + 15000000 WHERE byte_len = 10000",
        &take(1, 13_000),
        &take(3, 1),
    ] {
        world.tamper(statement).await;
    }
    let states = world.catalog.segments_list(None, 10).await.unwrap();
    // Without the one of the beginning, and with it.
    for sought in [&states[..2], &states] {
        assert_eq!(orphans::unnamed(&*world.catalog, sought).await.unwrap(), [sid(2)]);
    }
    assert_eq!(search(&world, hours(30)).await, Searched { looked_at: 3, doomed: 1, is_done: true });
    assert_eq!((doomed_at(&world, 1).await, doomed_at(&world, 2).await), (None, Some(hours(30))));
}

pub(super) async fn segments_are_kept_where_a_log_that_may_name_them_is_damaged(world: World) {
    let rows = (1..=4).map(|number| segment(number, &[(vid(number), pages([1]))])).collect();
    world.catalog.segments_register(rows, NOW).await.unwrap();
    for number in 1..=4 {
        let first = CommitCall { page_count: PageCount::new(number.into()), ..commit(vid(number), None) };
        must_commit(&world.catalog, first).await;
        must_commit(&world.catalog, commit(vid(number), Some(1))).await;
    }
    // A commit that is gone, one whose segments cannot be read, and one that cannot be read itself.
    for damage in [
        "DELETE FROM volume_commit WHERE page_count = 1",
        "UPDATE volume_commit SET segments = substr(vid, 1, 3) WHERE page_count = 2",
        "UPDATE volume_commit SET committed_at = -1 WHERE page_count = 3",
    ] {
        world.tamper(damage).await;
    }
    assert_eq!(search(&world, doom_time()).await, Searched { looked_at: 4, doomed: 1, is_done: true });
    assert_eq!(doomed_at(&world, 4).await, Some(doom_time()));
    for number in 1..=3 {
        doom(&world, number, doom_time()).await;
    }
    assert_eq!(due(&world, due_time()).await, [4]);
}

pub(super) async fn searches_at_once_and_commits_beside_them_lose_nothing(world: World) {
    let numbers: Vec<u8> = (1..=60).collect();
    register(&world, numbers.clone()).await;
    must_commit(&world.catalog, commit(vid(1), None)).await;
    let committing = async {
        let mut landed = Vec::new();
        for number in numbers.iter().step_by(2) {
            let base = world.catalog.snapshot_latest(vid(1)).await.unwrap().unwrap().lsn.get();
            let call = commit_of(vid(1), Some(base), *number, [1]);
            match world.catalog.commit_append(call, doom_time()).await.unwrap() {
                CommitOutcome::Committed(_) => landed.push(*number),
                CommitOutcome::Invalid(Invalid::SegmentUnknown { .. }) => {}
                other => panic!("neither landed nor refused: {other:?}"),
            }
        }
        landed
    };
    let searches = join_all((0..4).map(|_| search(&world, doom_time())));
    let (landed, searched) = tokio::join!(committing, searches);
    assert!(searched.iter().all(|searched| searched.is_done));
    let (first, second) = tokio::join!(due(&world, due_time()), due(&world, due_time()));
    assert_eq!(first, second);
    let expected: Vec<u8> = numbers.iter().copied().filter(|number| !landed.contains(number)).collect();
    assert_eq!(first, expected, "due is what no commit took, and nothing else");
    let sids: Vec<_> = first.iter().map(|number| sid(*number)).collect();
    let removing = || orphans::remove(&*world.catalog, sids.clone(), grace(), due_time());
    let (one, other) = tokio::join!(removing(), removing());
    assert_eq!(one.unwrap() + other.unwrap(), sids.len() as u64, "each row goes once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_due_while_an_old_transaction_may_still_land() {
    let world = World::postgres().await;
    register(&world, 1..=1).await;
    doom(&world, 1, doom_time()).await;
    assert_eq!(due(&world, due_time()).await, [1]);
    // What whoever asks in this database sees: transactions in another database, of a moment ago, and of the server.
    world
        .tamper(
            "CREATE TABLE pg_stat_activity AS
             SELECT datname, backend_type, 0 AS pid, now() - age AS xact_start FROM (VALUES
                 (text 'postgres', text 'client backend', interval '1 hour'),
                 (current_database(), 'client backend', interval '0'),
                 (current_database(), 'autovacuum worker', interval '1 hour')
             ) AS seen (datname, backend_type, age)",
        )
        .await;
    world
        .tamper("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$")
        .await;
    let other = catalog::open(world.location(), Connections::default()).await.unwrap();
    assert_eq!(orphans::due(&*other, grace(), due_time()).await.unwrap().len(), 1);
    world.tamper("UPDATE pg_stat_activity SET datname = current_database(), backend_type = 'client backend'").await;
    assert_eq!(orphans::due(&*other, grace(), due_time()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_doomed_while_its_commit_is_decided_is_refused() {
    let world = World::postgres().await;
    let rows = vec![segment(1, &[(vid(1), pages([1])), (vid(2), pages([1]))])];
    world.catalog.segments_register(rows, NOW).await.unwrap();
    must_commit(&world.catalog, commit(vid(1), None)).await;
    // Whoever looks for a segment finds it once, and doomed from then on.
    world.tamper("CREATE SEQUENCE looks").await;
    world.tamper("ALTER TABLE segment RENAME TO segment_row").await;
    world
        .tamper(
            "CREATE VIEW segment AS SELECT sid, byte_len, index_offset, index_len, index_hash, registered_at,
             CASE WHEN nextval('looks') > 1 THEN 1 END AS doomed_at FROM segment_row",
        )
        .await;
    // This catalog remembers no segment, so that it has to look.
    let other = catalog::open(world.location(), Connections::default()).await.unwrap();
    for call in [commit_of(vid(1), Some(1), 1, [1]), commit_of(vid(2), None, 1, [1])] {
        world.tamper("ALTER SEQUENCE looks RESTART").await;
        must_be_unknown(&other, call).await;
    }
}

#[test]
fn a_grace_period_is_not_shorter_than_is_safe() {
    assert!(Grace::new(ORPHAN_GRACE_MIN).is_ok());
    let error = Grace::new(Duration::from_secs(3599)).unwrap_err();
    assert_eq!(error.to_string(), "the grace period of orphans is 3599 s: it must be at least 3600 s");
}
