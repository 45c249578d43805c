//! Pages are stored smaller, and whoever reads them does not notice: not after a restart, and not with the other setting.

use std::sync::Arc;

use bytes::Bytes;
use catgraft_client::Retry;
use catgraft_core::{Lsn, PAGE_SIZE, PageCount, PageIndex, PageSet, VolumeId};
use catgraft_objects::{MemoryStore, ObjectStore};
use catgraft_testkit::model::page_content;
use tokio_util::sync::CancellationToken;

use crate::support::{Client, House, new_vid, start_pagestore};

/// More pages than are sealed on the spot.
const PAGES: u32 = 300;
/// The setting, and whether stored pages become smaller by it.
const SETTINGS: [(&str, bool); 2] = [("lz4", true), ("none", false)];

async fn metric(url: &str, name: &str) -> usize {
    let text = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
}

/// A volume that a pagestore with this setting stored, in one large push and a small one.
async fn stored(house: &House, objects: Arc<dyn ObjectStore>, compression: &str, smaller: bool) -> (VolumeId, Lsn) {
    let stop = CancellationToken::new();
    let given = [("ingest.compression", compression)];
    let (url, _) = start_pagestore(&house.metastore_url, objects, &given, stop.clone()).await;
    let client = Client::new(&house.metastore_url, &url, Retry::NEVER);
    let vid = new_vid();
    let contents = |first, last| (first..=last).map(|page| (PageIndex::new(page).unwrap(), u64::from(page)));
    let mut segments = client.write(vid, contents(1, PAGES)).await.unwrap();
    segments.extend(client.write(vid, contents(PAGES + 1, PAGES + 2)).await.unwrap());
    let lsn = client.commit(vid, None, PageCount::new(PAGES + 2), segments).await.unwrap();

    let page_bytes = (PAGES as usize + 2) * PAGE_SIZE;
    assert_eq!(metric(&url, "catgraft_sealed_page_bytes_total").await, page_bytes);
    let stored_bytes = metric(&url, "catgraft_sealed_stored_bytes_total").await;
    // Half of each page is random.
    let expected = if smaller { page_bytes / 2..=page_bytes / 100 * 52 } else { page_bytes..=page_bytes };
    assert!(expected.contains(&stored_bytes), "{stored_bytes} bytes with {compression}");
    stop.cancel();
    (vid, lsn)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_read_whatever_they_were_stored_with_and_whatever_is_set_now() {
    let objects: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
    let house = House::with_store(Arc::clone(&objects), &[]).await;
    for (written_with, smaller) in SETTINGS {
        let (vid, lsn) = stored(&house, Arc::clone(&objects), written_with, smaller).await;
        for (read_with, _) in SETTINGS {
            let stop = CancellationToken::new();
            let given = [("ingest.compression", read_with)];
            let (url, _) = start_pagestore(&house.metastore_url, Arc::clone(&objects), &given, stop.clone()).await;
            let client = Client::new(&house.metastore_url, &url, Retry::NEVER);
            // A page in the middle, pages far apart, and all of them.
            for pages in [vec![150], vec![3, 299, 302], (1..=PAGES + 2).collect()] {
                let expected: Vec<(PageIndex, Bytes)> =
                    pages.iter().map(|page| (PageIndex::new(*page).unwrap(), page_content(u64::from(*page)))).collect();
                let set: PageSet = expected.iter().map(|(page, _)| *page).collect();
                let read = client.read(vid, lsn, &set).await.unwrap();
                assert!(read == expected, "pages {pages:?} written with {written_with}, read with {read_with}");
            }
            stop.cancel();
        }
    }
}
