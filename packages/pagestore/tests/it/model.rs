//! Random commits and reads at every LSN, against the naive model.

use std::{collections::BTreeMap, sync::Arc};

use catgraft_client::Retry;
use catgraft_core::{Lsn, PageCount, PageIndex, PageSet, VolumeId};
use catgraft_objects::MemoryStore;
use catgraft_testkit::model::{VolumeModel, page_content};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use tokio_util::sync::CancellationToken;

use crate::support::{Client, House, new_vid, start_pagestore};

const COMMITS: u64 = 40;
const PAGES: u32 = 60;

async fn check_all(client: &Client, vid: VolumeId, model: &VolumeModel) {
    let all: PageSet = (1..=PAGES + 5).filter_map(PageIndex::new).collect();
    for number in 1..=COMMITS {
        let lsn = Lsn::new(number).unwrap();
        let read: BTreeMap<_, _> = client.read(vid, lsn, &all).await.unwrap().into_iter().collect();
        let expected: BTreeMap<_, _> =
            model.pages(lsn).into_iter().map(|(page, seed)| (page, page_content(seed))).collect();
        assert_eq!(read.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "LSN {lsn}");
        assert!(read == expected, "a page of LSN {lsn} has other content");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_every_lsn_reads_as_the_model_says() {
    let objects = Arc::new(MemoryStore::new());
    let house = House::with_store(objects.clone(), &[]).await;
    let client = house.client();
    let vid = new_vid();
    let mut rng = SmallRng::seed_from_u64(7);
    let mut model = VolumeModel::default();
    for number in 0..COMMITS {
        let page_count = PageCount::new(rng.random_range(0..=PAGES));
        let pages: BTreeMap<PageIndex, u64> = (0..rng.random_range(0..12))
            .filter_map(|_| Some((PageIndex::new(rng.random_range(1..=page_count.get().max(1)))?, rng.random())))
            .collect();
        let segments = client.write(vid, pages.clone()).await.unwrap();
        let lsn = client.commit(vid, Lsn::new(number), page_count, segments).await.unwrap();
        assert_eq!(lsn, model.commit(page_count, &pages));
        // Reading while the volume grows extends the index step by step.
        if rng.random_ratio(1, 3) {
            client.read(vid, lsn, &pages.keys().copied().collect()).await.unwrap();
        }
    }
    check_all(&client, vid, &model).await;

    // Another pagestore, which has cached nothing, reads the same out of the store.
    let stop = CancellationToken::new();
    let (url, _) = start_pagestore(&house.metastore_url, objects, &[], stop.clone()).await;
    check_all(&Client::new(&house.metastore_url, &url, Retry::NEVER), vid, &model).await;
    stop.cancel();
}
