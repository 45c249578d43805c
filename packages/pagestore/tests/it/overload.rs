//! More work than there is room for, while the store stands still: who finds no room is told to come back, memory stays
//! within what the settings say, others do not notice, and all is well when the store thaws. Nothing here is timed.

use std::time::Duration;

use catgraft_core::PageIndex;
use catgraft_proto::graft::pagestore::v1::{PageAtIdx, ReadPagesRequest, WritePagesRequest};
use catgraft_testkit::model::page_content;
use prost::Message;
use tokio::task::JoinHandle;

use crate::{
    store_frozen::World,
    support::{new_vid, pages_of, wire},
};

const CLIENTS: usize = 64;
/// Pages of a push: four pushes have room.
const PUSH_PAGES: u32 = 64;
const SETTINGS: [(&str, &str); 4] =
    [("ingest.memory", "1 MiB"), ("read.memory", "16 MiB"), ("http.max_waiting", "8"), ("http.max_wait", "300ms")];

/// Status and `Retry-After` of an answer.
type Told = (u16, Option<String>);

fn ask(url: String, body: Vec<u8>) -> JoinHandle<Told> {
    tokio::spawn(async move {
        let request = reqwest::Client::new().post(url).header("content-type", "application/x-protobuf").body(body);
        let answer = request.send().await.unwrap();
        let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), retry_after)
    })
}

fn push(world: &World) -> JoinHandle<Told> {
    let page = |index| PageAtIdx { pageidx: index, data: page_content(index.into()) };
    let request = WritePagesRequest { vid: wire(new_vid().as_bytes()), pages: (1..=PUSH_PAGES).map(page).collect() };
    ask(format!("{}/pagestore/v1/write_pages", world.url), request.encode_to_vec())
}

async fn metric(world: &World, name: &str) -> u64 {
    let text = reqwest::get(format!("{}/metrics", world.url)).await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// Waits until all but so many are answered, and others are as always meanwhile.
async fn until_left(asked: &[JoinHandle<Told>], left: usize) {
    while asked.iter().filter(|asked| !asked.is_finished()).count() > left {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Everybody who was answered was told to come back; gives the others.
async fn those_left(asked: Vec<JoinHandle<Told>>) -> Vec<JoinHandle<Told>> {
    let (answered, left): (Vec<_>, Vec<_>) = asked.into_iter().partition(JoinHandle::is_finished);
    for told in answered {
        assert_eq!(told.await.unwrap(), (503, Some("1".to_owned())));
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_beyond_the_memory_for_them_are_told_to_come_back_and_all_is_well_after_the_load() {
    let world = World::new(&SETTINGS).await;
    let cached = world.volume(1).await;
    world.is_as_always(cached).await;
    world.freeze(true);
    let pushes: Vec<_> = (0..CLIENTS).map(|_| push(&world)).collect();
    until_left(&pushes, 4).await;
    assert!(metric(&world, "catgraft_ingest_memory_bytes").await <= 1024 * 1024);
    world.is_as_always(cached).await;
    let left = those_left(pushes).await;
    // Each takes a page more than it has: the message around the pages is counted too.
    assert!((3..=4).contains(&left.len()), "{} pushes have room", left.len());
    // It goes on like that for as long as the store stands still.
    let more: Vec<_> = (0..CLIENTS).map(|_| push(&world)).collect();
    until_left(&more, 1).await;
    world.is_as_always(cached).await;
    let more = those_left(more).await;
    world.freeze(false);
    for push in left.into_iter().chain(more) {
        assert_eq!(push.await.unwrap(), (200, None));
    }
    assert_eq!(metric(&world, "catgraft_ingest_memory_bytes").await, 0);
    for _ in 0..8 {
        assert_eq!(push(&world).await.unwrap(), (200, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_beyond_the_memory_for_them_are_told_to_come_back_and_all_is_well_after_the_load() {
    // Room for 1365 pages.
    let world = World::new(&SETTINGS).await;
    let (cached, cold) = (world.volume(1).await, world.volume(200).await);
    world.is_as_always(cached).await;
    world.freeze(true);
    let graft = pages_of(&(1..=200).collect::<Vec<_>>()).encode();
    let request = ReadPagesRequest { vid: wire(cold.0.as_bytes()), lsn: cold.1.get(), graft }.encode_to_vec();
    let url = format!("{}/pagestore/v1/read_pages", world.url);
    let reads: Vec<_> = (0..CLIENTS).map(|_| ask(url.clone(), request.clone())).collect();
    until_left(&reads, 6).await;
    assert_eq!(metric(&world, "catgraft_pages_in_flight").await, 1200);
    world.is_as_always(cached).await;
    let left = those_left(reads).await;
    assert_eq!(left.len(), 6);
    world.freeze(false);
    for read in left {
        assert_eq!(read.await.unwrap(), (200, None));
    }
    assert_eq!(metric(&world, "catgraft_pages_in_flight").await, 0);
    let read = world.client.read(cold.0, cold.1, &pages_of(&[200])).await.unwrap();
    assert_eq!(read, [(PageIndex::new(200).unwrap(), page_content(200))]);
}
