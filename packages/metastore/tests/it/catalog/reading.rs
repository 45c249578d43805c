//! What is read back: snapshots, logs in pages, lists and sums.

use catgraft_core::PageCount;
use metastore::catalog::{self, CommitsWanted, Error};

use super::world::World;
use crate::values::{NOW, commit, commit_of, lsn, must_commit, pages, segment, vid, volume};

pub(super) async fn snapshots_are_found_at_every_lsn(world: World) {
    assert_eq!(world.catalog.snapshot_latest(vid(1)).await.unwrap(), None);
    assert_eq!(world.catalog.snapshot_at(vid(1), lsn(1)).await.unwrap(), None);
    for number in 0..3u32 {
        let mut call = commit(vid(1), (number > 0).then_some(number.into()));
        call.page_count = PageCount::new(u32::MAX - number);
        must_commit(&world.catalog, call).await;
    }
    for number in 1..=3u32 {
        let snapshot = world.catalog.snapshot_at(vid(1), lsn(number.into())).await.unwrap().unwrap();
        assert_eq!((snapshot.lsn, snapshot.page_count.get()), (lsn(number.into()), u32::MAX - number + 1));
    }
    assert_eq!(world.catalog.snapshot_at(vid(1), lsn(4)).await.unwrap(), None);
    assert_eq!(world.catalog.snapshot_at(vid(2), lsn(1)).await.unwrap(), None);
}

pub(super) async fn a_log_is_read_in_pages_by_count(world: World) {
    volume(&world.catalog, vid(1), 7).await;
    volume(&world.catalog, vid(2), 2).await;
    let mut wanted = CommitsWanted { commits_max: 3, ..CommitsWanted::default() };
    let mut sizes = Vec::new();
    loop {
        let page = world.catalog.commits_read(vid(1), wanted).await.unwrap().unwrap();
        assert_eq!(page.head.lsn, lsn(7));
        sizes.push(page.commits.len());
        let Some(last) = page.commits.last() else { break };
        wanted.start = Some(last.lsn.next().unwrap());
    }
    assert_eq!(sizes, [3, 3, 1, 0]);
}

pub(super) async fn a_log_is_read_in_pages_by_bytes(world: World) {
    world.catalog.segments_register(vec![segment(1, &[(vid(1), pages(1..=9))])], NOW).await.unwrap();
    for number in 0..5u32 {
        let base = (number > 0).then_some(u64::from(number));
        must_commit(&world.catalog, commit_of(vid(1), base, 1, [number + 1])).await;
    }
    let all = world.catalog.commits_read(vid(1), CommitsWanted::default()).await.unwrap().unwrap();
    let each = all.commits[0].segments.byte_len() as u64;
    assert!(each > 0 && all.commits.iter().all(|commit| commit.segments.byte_len() as u64 == each));
    let found = async |bytes_max| {
        let wanted = CommitsWanted { bytes_max, ..CommitsWanted::default() };
        world.catalog.commits_read(vid(1), wanted).await.unwrap().unwrap().commits.len()
    };
    // The page ends with the commit that reaches the bound, and is never empty.
    assert_eq!((found(0).await, found(1).await, found(each).await), (1, 1, 1));
    assert_eq!((found(each + 1).await, found(each * 3).await), (2, 3));
    assert_eq!(found(each * 100).await, 5);
}

pub(super) async fn a_log_is_read_whole_where_one_list_is_longer_than_the_others(world: World) {
    world.catalog.segments_register(vec![segment(1, &[(vid(1), pages(1..=9))])], NOW).await.unwrap();
    for number in 1..=7u32 {
        let base = (number > 1).then(|| u64::from(number) - 1);
        let call = match number {
            4 => commit_of(vid(1), base, 1, 1..=9),
            6 => commit(vid(1), base),
            _ => commit_of(vid(1), base, 1, [number]),
        };
        must_commit(&world.catalog, call).await;
    }
    let head = world.catalog.snapshot_latest(vid(1)).await.unwrap().unwrap();
    let read = async |commits_max, bytes_max| {
        let wanted = CommitsWanted { commits_max, bytes_max, ..CommitsWanted::default() };
        let page = world.catalog.commits_read(vid(1), wanted).await.unwrap().unwrap();
        assert_eq!(page.head, head);
        page.commits
    };
    let all = read(100, 1 << 20).await;
    let lens: Vec<u64> = all.iter().map(|commit| commit.segments.byte_len() as u64).collect();
    let short = lens[0];
    assert!(lens[3] > short && lens[5] == 0, "{lens:?}");
    for (commit, number) in all.iter().zip(1..=7) {
        assert_eq!(commit.lsn, lsn(number));
        let snapshot = world.catalog.snapshot_at(vid(1), lsn(number)).await.unwrap().unwrap();
        assert_eq!(commit.snapshot(vid(1), head.checkpoint), snapshot);
    }
    // Where the long list fits, and where the page ends with it, or before it.
    assert_eq!(read(7, short * 7).await, all[..7]);
    assert_eq!(read(5, short * 5).await, all[..5]);
    assert_eq!(read(4, short * 3 + 1).await, all[..4]);
    assert_eq!(read(4, short * 3).await, all[..3]);
    assert_eq!(read(3, short * 3).await, all[..3]);
}

pub(super) async fn a_range_ends_at_the_head_and_may_be_empty(world: World) {
    assert_eq!(world.catalog.commits_read(vid(1), CommitsWanted::default()).await.unwrap(), None);
    volume(&world.catalog, vid(1), 5).await;
    let found = async |start: u64, end: Option<u64>| -> Vec<u64> {
        let wanted = CommitsWanted::range(Some(lsn(start)), end.map(lsn));
        let page = world.catalog.commits_read(vid(1), wanted).await.unwrap().unwrap();
        assert_eq!(page.head.lsn, lsn(5));
        page.commits.iter().map(|commit| commit.lsn.get()).collect()
    };
    assert_eq!(found(2, Some(4)).await, [2, 3, 4]);
    assert_eq!(found(4, Some(400)).await, [4, 5]);
    assert_eq!(found(5, None).await, [5]);
    assert!(found(6, None).await.is_empty());
}

pub(super) async fn lsns_beyond_what_sql_counts_are_not_found(world: World) {
    volume(&world.catalog, vid(1), 1).await;
    for number in [i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        assert_eq!(world.catalog.snapshot_at(vid(1), lsn(number)).await.unwrap(), None);
        let wanted = CommitsWanted::range(Some(lsn(number)), Some(lsn(u64::MAX)));
        assert_eq!(world.catalog.commits_read(vid(1), wanted).await.unwrap().unwrap().commits, []);
    }
}

pub(super) async fn volumes_are_listed_by_id(world: World) {
    for number in [3, 1, 2] {
        volume(&world.catalog, vid(number), u64::from(number)).await;
    }
    let listed = async |after, limit| -> Vec<_> {
        let heads = world.catalog.volumes_list(after, limit).await.unwrap();
        heads.iter().map(|head| (head.vid, head.lsn.get())).collect()
    };
    assert_eq!(listed(None, 2).await, [(vid(1), 1), (vid(2), 2)]);
    assert_eq!(listed(Some(vid(2)), 2).await, [(vid(3), 3)]);
    assert_eq!(listed(Some(vid(3)), 2).await, []);
}

pub(super) async fn a_volume_is_added_up(world: World) {
    assert_eq!(world.catalog.volume_stats(vid(1)).await.unwrap(), None);
    let rows =
        vec![segment(1, &[(vid(1), pages(1..=3)), (vid(2), pages(1..=50))]), segment(2, &[(vid(1), pages([1]))])];
    world.catalog.segments_register(rows, NOW).await.unwrap();
    must_commit(&world.catalog, commit_of(vid(1), None, 1, 1..=3)).await;
    let head = must_commit(&world.catalog, commit_of(vid(1), Some(1), 2, [1])).await;
    let stats = world.catalog.volume_stats(vid(1)).await.unwrap().unwrap();
    assert_eq!((stats.head, stats.commits, stats.segments), (head, 2, 2));
    assert_eq!((stats.pages_stored, stats.bytes_stored), (4, 4 * 4096));
    assert_eq!((stats.first_commit, stats.last_commit), (NOW, NOW));
}

pub(super) async fn heads_are_read_of_volumes_that_exist(world: World) {
    volume(&world.catalog, vid(1), 4).await;
    volume(&world.catalog, vid(3), 2).await;
    let mut heads = world.catalog.heads_read(&[vid(1), vid(2), vid(3)]).await.unwrap();
    heads.sort();
    assert_eq!(heads, [(vid(1), lsn(4)), (vid(3), lsn(2))]);
    assert_eq!(world.catalog.heads_read(&[]).await.unwrap(), []);
}

pub(super) async fn a_catalog_opened_to_read_refuses_writes(world: World) {
    volume(&world.catalog, vid(1), 2).await;
    let reader = catalog::open_to_read(world.location()).await.unwrap();
    assert_eq!(reader.snapshot_latest(vid(1)).await.unwrap().unwrap().lsn, lsn(2));
    let refused = reader.commit_append(commit(vid(1), Some(2)), NOW).await;
    assert!(matches!(refused, Err(Error::ReadOnly)), "{refused:?}");
    let refused = reader.segments_register(vec![segment(1, &[])], NOW).await;
    assert!(matches!(refused, Err(Error::ReadOnly)), "{refused:?}");
}
