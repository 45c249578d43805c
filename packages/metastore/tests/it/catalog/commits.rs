//! Commits: who wins, who is answered with what is there, who is refused.

use catgraft_core::PageCount;
use futures::future::join_all;
use metastore::{
    catalog::{CommitOutcome, CommitsWanted, Error, SegmentRow},
    commit::Invalid,
};

use super::world::World;
use crate::values::{NOW, cid, commit, commit_of, lsn, must_commit, pages, segment, sid, vid, volume};

pub(super) async fn commits_of_a_volume_count_from_one_without_gaps(world: World) {
    let rows = vec![segment(1, &[(vid(1), pages(1..=9))])];
    world.catalog.segments_register(rows, NOW).await.unwrap();
    for number in 0..5u32 {
        let base = (number > 0).then_some(u64::from(number));
        let snapshot = must_commit(&world.catalog, commit_of(vid(1), base, 1, [number + 1])).await;
        assert_eq!((snapshot.lsn, snapshot.checkpoint), (lsn(u64::from(number) + 1), lsn(1)));
        assert_eq!((snapshot.vid, snapshot.cid, snapshot.timestamp), (vid(1), cid(1), NOW));
        assert_eq!(world.catalog.snapshot_latest(vid(1)).await.unwrap(), Some(snapshot));
    }
    let page = world.catalog.commits_read(vid(1), CommitsWanted::default()).await.unwrap().unwrap();
    let log: Vec<_> = page.commits.iter().map(|commit| (commit.lsn.get(), commit.segments.decode().unwrap())).collect();
    let expected: Vec<_> = (1..=5u32).map(|n| (u64::from(n), commit_of(vid(1), None, 1, [n]).segments)).collect();
    assert_eq!(log, expected);
}

pub(super) async fn of_many_commits_on_one_base_exactly_one_wins(world: World) {
    must_commit(&world.catalog, commit(vid(1), None)).await;
    race(&world, Some(1)).await;
}

pub(super) async fn of_many_first_commits_exactly_one_wins(world: World) {
    race(&world, None).await;
}

/// Sixteen clients commit on one base at once.
async fn race(world: &World, base: Option<u64>) {
    let before = base.unwrap_or(0);
    let racers = (1..=16).map(|client| {
        let catalog = world.catalog.clone();
        let call = catgraft_proto::CommitCall { cid: cid(client), ..commit(vid(1), base) };
        tokio::spawn(async move { catalog.commit_append(call, NOW).await.unwrap() })
    });
    let outcomes: Vec<_> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
    let won = outcomes.iter().filter_map(|outcome| match outcome {
        CommitOutcome::Committed(snapshot) => Some(*snapshot),
        CommitOutcome::Rejected { head } => {
            assert_eq!(*head, Some(lsn(before + 1)), "the loser is told the winner's LSN");
            None
        }
        other => panic!("neither won nor lost: {other:?}"),
    });
    let won: Vec<_> = won.collect();
    assert_eq!(won.len(), 1);
    assert_eq!(won[0].lsn, lsn(before + 1));
    assert_eq!(world.catalog.snapshot_latest(vid(1)).await.unwrap(), Some(won[0]));
    let page = world.catalog.commits_read(vid(1), CommitsWanted::default()).await.unwrap().unwrap();
    assert_eq!(page.commits.len() as u64, before + 1);
}

pub(super) async fn a_retry_is_answered_with_its_commit_even_after_the_head_moved_on(world: World) {
    let rows = vec![
        segment(1, &[(vid(1), pages([1, 2]))]),
        segment(2, &[(vid(1), pages([1]))]),
        segment(3, &[(vid(1), pages([2]))]),
    ];
    world.catalog.segments_register(rows, NOW).await.unwrap();
    let first = must_commit(&world.catalog, commit_of(vid(1), None, 1, [1, 2])).await;
    must_commit(&world.catalog, commit(vid(1), Some(1))).await;
    must_commit(&world.catalog, commit(vid(1), Some(2))).await;
    // After a crash the client has written its pages again, to other segments.
    let mut retry = commit_of(vid(1), None, 2, [1]);
    retry.segments.extend(commit_of(vid(1), None, 3, [2]).segments);
    let outcome = world.catalog.commit_append(retry, NOW).await.unwrap();
    assert_eq!(outcome, CommitOutcome::AlreadyCommitted(first));
    // Also where those segments are not known.
    let retry = commit_of(vid(1), None, 9, [1, 2]);
    let outcome = world.catalog.commit_append(retry, NOW).await.unwrap();
    assert_eq!(outcome, CommitOutcome::AlreadyCommitted(first));
    assert_eq!(world.catalog.snapshot_latest(vid(1)).await.unwrap().unwrap().lsn, lsn(3));
}

pub(super) async fn many_retries_at_once_make_one_commit(world: World) {
    let retries = (0..16).map(|_| {
        let catalog = world.catalog.clone();
        tokio::spawn(async move { catalog.commit_append(commit(vid(1), None), NOW).await.unwrap() })
    });
    let mut committed = 0;
    for outcome in join_all(retries).await {
        match outcome.unwrap() {
            CommitOutcome::Committed(_) => committed += 1,
            CommitOutcome::AlreadyCommitted(snapshot) => assert_eq!(snapshot.lsn, lsn(1)),
            other => panic!("neither committed nor there already: {other:?}"),
        }
    }
    assert_eq!(committed, 1);
}

pub(super) async fn the_same_client_with_other_content_is_refused(world: World) {
    world.catalog.segments_register(vec![segment(1, &[(vid(1), pages([1, 2]))])], NOW).await.unwrap();
    must_commit(&world.catalog, commit_of(vid(1), None, 1, [1])).await;
    must_commit(&world.catalog, commit(vid(1), Some(1))).await;
    let other_pages = commit_of(vid(1), None, 1, [1, 2]);
    let mut other_length = commit_of(vid(1), None, 1, [1]);
    other_length.page_count = PageCount::new(101);
    for call in [other_pages, other_length] {
        let outcome = world.catalog.commit_append(call, NOW).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Invalid(Invalid::OtherContent { lsn: lsn(1) }));
    }
}

pub(super) async fn a_base_behind_or_past_the_head_is_rejected(world: World) {
    let stranger = |base| catgraft_proto::CommitCall { cid: cid(2), ..commit(vid(1), base) };
    let of_no_volume = world.catalog.commit_append(stranger(Some(1)), NOW).await.unwrap();
    assert_eq!(of_no_volume, CommitOutcome::Rejected { head: None });
    volume(&world.catalog, vid(1), 3).await;
    for base in [None, Some(1), Some(2), Some(4), Some(i64::MAX as u64), Some(u64::MAX)] {
        let outcome = world.catalog.commit_append(stranger(base), NOW).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Rejected { head: Some(lsn(3)) }, "base {base:?}");
    }
}

pub(super) async fn a_lost_race_comes_before_a_bad_segment(world: World) {
    volume(&world.catalog, vid(1), 2).await;
    let call = catgraft_proto::CommitCall { cid: cid(2), ..commit_of(vid(1), Some(1), 9, [1]) };
    let outcome = world.catalog.commit_append(call, NOW).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Rejected { head: Some(lsn(2)) });
}

pub(super) async fn segments_must_exist_for_this_volume_with_these_pages(world: World) {
    let rows: Vec<SegmentRow> =
        vec![segment(1, &[(vid(1), pages(1..=4)), (vid(2), pages(5..=9))]), segment(2, &[(vid(2), pages([1]))])];
    world.catalog.segments_register(rows, NOW).await.unwrap();
    let refused = async |call| match world.catalog.commit_append(call, NOW).await.unwrap() {
        CommitOutcome::Invalid(invalid) => invalid,
        other => panic!("not refused: {other:?}"),
    };
    let unknown = refused(commit_of(vid(1), None, 7, [1])).await;
    assert_eq!(unknown, Invalid::SegmentUnknown { sid: sid(7) });
    let foreign = refused(commit_of(vid(1), None, 2, [1])).await;
    assert_eq!(foreign, Invalid::SegmentOfOtherVolume { sid: sid(2) });
    let missing = refused(commit_of(vid(1), None, 1, 4..=30)).await;
    assert_eq!(
        missing.to_string(),
        format!("segment {} does not hold pages 5, 6, 7, 8, 9 and 21 more", sid(1)),
        "pages 5 to 9 are in the segment, but of another volume"
    );
    assert_eq!(world.catalog.snapshot_latest(vid(1)).await.unwrap(), None, "nothing was written");
    must_commit(&world.catalog, commit_of(vid(1), None, 1, 1..=4)).await;
}

pub(super) async fn a_damaged_log_row_is_an_error(world: World) {
    must_commit(&world.catalog, commit(vid(1), None)).await;
    world.tamper("UPDATE volume_commit SET segments = substr(vid, 1, 3)").await;
    let error = world.catalog.commit_append(commit(vid(1), None), NOW).await.unwrap_err();
    assert!(matches!(error, Error::DamagedVolume { vid: found, .. } if found == vid(1)), "{error:?}");
    // One damaged volume does not keep others from being written.
    must_commit(&world.catalog, commit(vid(2), None)).await;
}
