//! Tests of the room and its queue, on a clock that stands still unless everybody waits.

use super::*;

fn room(units: usize, waiting_max: usize) -> Room {
    Room::new(units, Queue { waiting_max, wait_max: Duration::from_secs(2) })
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_comes_back_when_it_is_dropped() {
    let room = room(10, 5);
    let (one, other) = (room.take(4).await.unwrap(), room.take(6).await.unwrap());
    assert_eq!(room.used(), 10);
    drop(one);
    assert_eq!(room.used(), 6);
    drop(other);
    assert_eq!(room.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_share_of_more_than_there_is_is_all_of_it() {
    let room = room(10, 5);
    let all = room.take(usize::MAX).await.unwrap();
    assert_eq!(room.used(), 10);
    drop(all);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_told_and_leaves_the_queue() {
    let room = room(10, 5);
    let held = room.take(8).await.unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(room.take(3).await.unwrap_err(), Full);
    assert_eq!(before.elapsed(), Duration::from_secs(2));
    assert_eq!(room.waiting(), 0);
    // What fits is had meanwhile, and everything afterwards.
    drop(room.take(2).await.unwrap());
    drop(held);
    room.take(10).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_finds_the_queue_full_is_told_at_once_and_the_others_are_served() {
    let room = room(1, 3);
    let held = room.take(1).await.unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let room = room.clone();
            tokio::spawn(async move { room.take(1).await.map(drop) })
        })
        .collect();
    while room.waiting() < 3 {
        tokio::task::yield_now().await;
    }
    let before = tokio::time::Instant::now();
    assert_eq!(room.take(1).await.unwrap_err(), Full);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(room.waiting(), 3);
    drop(held);
    for waited in waiting {
        waited.await.unwrap().unwrap();
    }
    assert_eq!((room.waiting(), room.used()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_while_he_waits_leaves_the_queue() {
    let room = room(1, 3);
    let held = room.take(1).await.unwrap();
    let gone = tokio::spawn({
        let room = room.clone();
        async move { room.take(1).await.map(drop) }
    });
    while room.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    gone.await.unwrap_err();
    assert_eq!(room.waiting(), 0);
    drop(held);
    assert_eq!(room.used(), 0);
}
