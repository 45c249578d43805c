//! Which moves share a statement.

use catgraft_proto::SegmentPages;

use super::*;

fn waiting(volume: u8, lsn: u64, segments: usize) -> Waiting {
    let now = Timestamp::from_millis(1);
    let pages: Vec<SegmentPages> = (0..segments)
        .map(|number| SegmentPages {
            sid: SegmentId::from_parts(now, [number as u8; 9]),
            pages: std::iter::once(catgraft_core::PageIndex::FIRST).collect(),
        })
        .collect();
    let wanted = Move {
        vid: VolumeId::from_parts(now, [volume; 9]),
        lsn: Lsn::new(lsn).expect("counts from 1"),
        cid: ClientId::from_parts(now, [1; 9]),
        page_count: PageCount::new(1),
        now,
        sids: Vec::new(),
        segments: SegmentList::encode(&pages),
    };
    Waiting { wanted, answer: oneshot::channel().0 }
}

/// What the next statement moves: volume (by the order of first sight) and LSN.
fn next(queue: &mut Queue) -> Option<Vec<(VolumeId, u64)>> {
    Some(queue.next()?.into_iter().map(|it| (it.wanted.vid, it.wanted.lsn.get())).collect())
}

fn vid(volume: u8) -> VolumeId {
    waiting(volume, 1, 0).wanted.vid
}

#[test]
fn whoever_comes_while_all_statements_are_under_way_waits_for_the_next() {
    let mut queue = Queue::default();
    let free: Vec<bool> = (1..=5).map(|volume| queue.enter(waiting(volume, 1, 0))).collect();
    assert_eq!(free, [true, true, false, false, false]);
    let all: Vec<_> = (1..=5).map(|volume| (vid(volume), 1)).collect();
    assert_eq!(next(&mut queue), Some(all));
    // The other statement finds nothing left and is free again; so is this one at its end.
    assert_eq!((next(&mut queue), queue.statements), (None, 1));
    assert!(queue.enter(waiting(6, 1, 0)));
    assert_eq!(next(&mut queue), Some(vec![(vid(6), 1)]));
    assert_eq!((next(&mut queue), next(&mut queue), queue.statements), (None, None, 0));
}

#[test]
fn a_statement_moves_each_volume_once_and_the_oldest_first() {
    let mut queue = Queue::default();
    for (volume, lsn) in [(1, 7), (2, 3), (1, 8), (3, 1), (2, 4), (1, 9)] {
        queue.enter(waiting(volume, lsn, 0));
    }
    assert_eq!(next(&mut queue), Some(vec![(vid(1), 7), (vid(2), 3), (vid(3), 1)]));
    assert_eq!(next(&mut queue), Some(vec![(vid(1), 8), (vid(2), 4)]));
    assert_eq!(next(&mut queue), Some(vec![(vid(1), 9)]));
    assert_eq!(next(&mut queue), None);
}

#[test]
fn a_statement_is_bounded_by_moves_and_by_bytes_but_never_empty() {
    let mut queue = Queue::default();
    for volume in 0..=255 {
        queue.enter(waiting(volume, 1, 0));
    }
    queue.enter(waiting(0, 2, 0));
    assert_eq!(next(&mut queue).map(|moves| moves.len()), Some(MOVES_MAX));
    assert_eq!(next(&mut queue), Some(vec![(vid(0), 2)]));

    let mut queue = Queue::default();
    let large = waiting(1, 1, BYTES_MAX / 16);
    assert!(large.wanted.segments.byte_len() > BYTES_MAX, "larger than a statement by itself");
    queue.enter(large);
    queue.enter(waiting(2, 1, 1));
    assert_eq!(next(&mut queue), Some(vec![(vid(1), 1)]));
    assert_eq!(next(&mut queue), Some(vec![(vid(2), 1)]));
}
