//! The largest volume that there can be, and page sets that name more than there is.

use catgraft_client::Error;
use catgraft_core::{PageCount, PageIndex, PageSet};
use catgraft_proto::graft::{
    common::v1::{GraftErrCode, LsnRange},
    metastore::v1::PullGraftRequest,
};
use catgraft_testkit::model::page_content;

use crate::support::{House, new_vid, pages_of, wire};

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_of_all_pages_with_one_written_costs_what_one_page_costs() {
    let house = House::start().await;
    let (client, vid) = (house.client(), new_vid());
    let last = PageIndex::new(u32::MAX).unwrap();
    let segments = client.write(vid, [(last, 7)]).await.unwrap();
    let lsn = client.commit(vid, None, PageCount::new(u32::MAX), segments).await.unwrap();
    let range = Some(LsnRange { inclusive_start: 1, inclusive_end: Some(u64::MAX) });
    let pulled = client.metastore.pull_graft(&PullGraftRequest { vid: wire(vid.as_bytes()), range }).await.unwrap();
    assert_eq!(pulled.snapshot.unwrap().page_count, u32::MAX);
    assert_eq!(pulled.range.unwrap().inclusive_end, Some(1));
    assert_eq!(PageSet::decode(&pulled.graft, 1), Ok([last].into_iter().collect()));
    let far_apart = pages_of(&[1, 2, 255, 65_536, 1 << 24, 1 << 31, u32::MAX - 1, u32::MAX]);
    assert_eq!(client.read(vid, lsn, &far_apart).await.unwrap(), [(last, page_content(7))]);
    let never = (1..=1024).map(|part| PageIndex::new(part * 4_000_000).unwrap()).collect();
    assert_eq!(client.read(vid, lsn, &never).await.unwrap(), []);
    // What was cut off does not come back.
    let lsn = client.commit(vid, Some(lsn), PageCount::new(0), Vec::new()).await.unwrap();
    assert_eq!(client.read(vid, lsn, &far_apart).await.unwrap(), []);
    let lsn = client.commit(vid, Some(lsn), PageCount::new(u32::MAX), Vec::new()).await.unwrap();
    assert_eq!(client.read(vid, lsn, &far_apart).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_set_that_names_more_than_a_call_takes_is_refused() {
    let house = House::start().await;
    let (client, vid) = (house.client(), new_vid());
    let mut segments = client.write(vid, [(PageIndex::FIRST, 1)]).await.unwrap();
    let lsn = client.commit(vid, None, PageCount::new(1), segments.clone()).await.unwrap();
    for (last, bytes_max) in [(1025, 100), (65_536, 1500), (4_000_000, 60_000)] {
        let mut many = PageSet::new();
        many.insert_range(PageIndex::FIRST..=PageIndex::new(last).unwrap());
        assert!(many.encode().len() <= bytes_max, "{last} pages take {} bytes", many.encode().len());
        match client.read(vid, lsn, &many).await.unwrap_err() {
            Error::Refused { status, code, message, .. } => {
                assert_eq!((status, code), (400, GraftErrCode::Client));
                assert!(message.contains("more than 1024 pages"), "{message}");
            }
            other => panic!("{other}"),
        }
    }
    // 16 million pages in 200 KB.
    let mut many = PageSet::new();
    many.insert_range(PageIndex::FIRST..=PageIndex::new(1 << 24).unwrap());
    segments[0].graft = many.encode();
    assert!(segments[0].graft.len() < 250_000);
    match client.commit(vid, Some(lsn), PageCount::new(u32::MAX), segments).await.unwrap_err() {
        Error::Refused { status, message, .. } => {
            assert_eq!(status, 400);
            assert!(message.contains("more than 4096 pages"), "{message}");
        }
        other => panic!("{other}"),
    }
}
