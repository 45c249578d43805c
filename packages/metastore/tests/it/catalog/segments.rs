//! Rows of segments.

use futures::future::join_all;
use metastore::catalog::{Error, SegmentRow};

use super::world::World;
use crate::values::{NOW, commit_of, must_commit, pages, segment, sid, vid};

fn without_volumes(row: &SegmentRow) -> SegmentRow {
    SegmentRow { volumes: Vec::new(), ..row.clone() }
}

pub(super) async fn a_segment_is_read_as_it_was_registered(world: World) {
    let mut large = segment(2, &[]);
    (large.byte_len, large.index_offset, large.index_len) = (1 << 40, (1 << 40) - 5_000_000_000, u32::MAX);
    let rows = vec![segment(1, &[(vid(1), pages(1..=4096)), (vid(2), pages([7]))]), large];
    world.catalog.segments_register(rows.clone(), NOW).await.unwrap();
    let mut found = world.catalog.segments_read(&[sid(2), sid(9), sid(1)]).await.unwrap();
    found.sort_by_key(|row| row.sid);
    assert_eq!(found, [without_volumes(&rows[0]), without_volumes(&rows[1])]);
    assert_eq!(world.catalog.segments_read(&[]).await.unwrap(), []);
}

pub(super) async fn registering_again_changes_nothing(world: World) {
    let first = segment(1, &[(vid(1), pages(1..=4))]);
    world.catalog.segments_register(vec![first.clone()], NOW).await.unwrap();
    world.catalog.segments_register(vec![segment(2, &[(vid(1), pages([9]))]), first], NOW).await.unwrap();
    world.catalog.segments_register(Vec::new(), NOW).await.unwrap();
    must_commit(&world.catalog, commit_of(vid(1), None, 1, 1..=4)).await;
    must_commit(&world.catalog, commit_of(vid(1), Some(1), 2, [9])).await;
    assert_eq!(world.catalog.volume_stats(vid(1)).await.unwrap().unwrap().pages_stored, 5);
}

pub(super) async fn a_segment_with_other_content_is_refused(world: World) {
    let first = segment(1, &[(vid(1), pages([1]))]);
    world.catalog.segments_register(vec![first.clone()], NOW).await.unwrap();
    let other = SegmentRow { index_hash: [9; 32], ..first.clone() };
    let error = world.catalog.segments_register(vec![segment(2, &[]), other], NOW).await.unwrap_err();
    assert!(matches!(error, Error::SegmentDiffers { sid: found } if found == sid(1)), "{error:?}");
    assert_eq!(world.catalog.segments_read(&[sid(1)]).await.unwrap(), [without_volumes(&first)]);
}

pub(super) async fn many_tasks_may_register_one_segment_at_once(world: World) {
    let rows = vec![segment(1, &[(vid(1), pages(1..=4))]), segment(2, &[(vid(1), pages([5]))])];
    let tasks = (0..16).map(|_| {
        let (catalog, rows) = (world.catalog.clone(), rows.clone());
        tokio::spawn(async move { catalog.segments_register(rows, NOW).await })
    });
    for registered in join_all(tasks).await {
        registered.unwrap().unwrap();
    }
    must_commit(&world.catalog, commit_of(vid(1), None, 1, 1..=4)).await;
    assert_eq!(world.catalog.volume_stats(vid(1)).await.unwrap().unwrap().pages_stored, 5);
}
