//! A store that gives other bytes than it was given: a file that was damaged, an answer that was damaged on its way. No
//! wrong page is ever answered, the segment is named, and other volumes do not notice.

use std::{fs, path::PathBuf, sync::Arc};

use catgraft_client::{Error, Retry};
use catgraft_core::{Lsn, PageCount, PageIndex, SegmentId, VolumeId};
use catgraft_objects::{FsStore, ObjectKey, ObjectStore};
use catgraft_proto::graft::common::v1::GraftErrCode;
use catgraft_testkit::{
    model::page_content,
    s3::{Fault, FaultRule, S3Call, S3Double},
};
use tokio_util::sync::CancellationToken;

use crate::support::{Client, House, new_vid, pages_of, start_pagestore};

const PAGES: [u32; 3] = [1, 2, 3];

/// A volume of three pages in a segment of its own.
async fn volume(client: &Client) -> (VolumeId, Lsn, SegmentId) {
    let vid = new_vid();
    let contents = PAGES.map(|page| (PageIndex::new(page).unwrap(), u64::from(page)));
    let segments = client.write(vid, contents).await.unwrap();
    let sid = SegmentId::try_from(segments[0].sid.as_ref()).unwrap();
    (vid, client.commit(vid, None, PageCount::new(3), segments).await.unwrap(), sid)
}

/// A pagestore with nothing in its caches.
async fn cold(house: &House, objects: Arc<dyn ObjectStore>) -> (Client, CancellationToken) {
    let stop = CancellationToken::new();
    let (url, _) = start_pagestore(&house.metastore_url, objects, &[], stop.clone()).await;
    (Client::new(&house.metastore_url, &url, Retry::NEVER), stop)
}

async fn read(client: &Client, vid: VolumeId, lsn: Lsn) -> Result<(), (u16, GraftErrCode, String)> {
    match client.read(vid, lsn, &pages_of(&PAGES)).await {
        Ok(pages) => {
            let expected = PAGES.map(|page| (PageIndex::new(page).unwrap(), page_content(page.into())));
            assert!(pages == expected, "a page is wrong");
            Ok(())
        }
        Err(Error::Refused { status, code, message, .. }) => Err((status, code, message)),
        Err(other) => panic!("{other}"),
    }
}

/// Does something to the file of a segment, and says what a reader of it is told.
async fn told_after(damage: impl FnOnce(&PathBuf)) -> (u16, GraftErrCode) {
    let folder = tempfile::tempdir().unwrap();
    let objects = Arc::new(FsStore::open(folder.path()).await.unwrap());
    let house = House::with_store(objects.clone(), &[]).await;
    let (damaged, good) = (volume(&house.client()).await, volume(&house.client()).await);
    damage(&folder.path().join(ObjectKey::segment(damaged.2).as_str()));
    let (client, stop) = cold(&house, objects).await;
    let (status, code, message) = read(&client, damaged.0, damaged.1).await.unwrap_err();
    assert!(message.contains(&damaged.2.to_string()), "{message}");
    read(&client, good.0, good.1).await.expect("another volume is read as always");
    stop.cancel();
    (status, code)
}

const DAMAGED: (u16, GraftErrCode) = (500, GraftErrCode::Server);
const AWAY: (u16, GraftErrCode) = (503, GraftErrCode::ServiceUnavailable);

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_another_byte_in_it_gives_no_page() {
    let flip = |at: fn(usize) -> usize| {
        move |path: &PathBuf| {
            let mut bytes = fs::read(path).unwrap();
            let at = at(bytes.len());
            bytes[at] ^= 0x10;
            fs::write(path, bytes).unwrap();
        }
    };
    assert_eq!(told_after(flip(|_| 0)).await, DAMAGED);
    assert_eq!(told_after(flip(|len| len / 2)).await, DAMAGED);
    assert_eq!(told_after(flip(|len| len * 7 / 8)).await, DAMAGED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_too_short_gone_or_none_gives_no_page() {
    let cut = |keep: fn(u64) -> u64| {
        move |path: &PathBuf| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_len(keep(file.metadata().unwrap().len())).unwrap();
        }
    };
    assert_eq!(told_after(cut(|len| len / 2)).await, DAMAGED);
    assert_eq!(told_after(cut(|_| 0)).await, DAMAGED);
    assert_eq!(told_after(|path| fs::remove_file(path).unwrap()).await, DAMAGED);
    let folder_instead = |path: &PathBuf| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    };
    assert!([DAMAGED, AWAY].contains(&told_after(folder_instead).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_segment_gives_no_page() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Arc::new(FsStore::open(folder.path()).await.unwrap());
    let house = House::with_store(objects.clone(), &[]).await;
    let (one, other) = (volume(&house.client()).await, volume(&house.client()).await);
    let path = |sid| folder.path().join(ObjectKey::segment(sid).as_str());
    fs::copy(path(other.2), path(one.2)).unwrap();
    let (client, stop) = cold(&house, objects).await;
    let (status, code, message) = read(&client, one.0, one.1).await.unwrap_err();
    assert_eq!((status, code), DAMAGED);
    assert!(message.contains(&one.2.to_string()), "{message}");
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_another_bit_in_it_gives_no_page_and_stays_in_no_cache() {
    for seed in 0..12 {
        let double =
            S3Double::start_with(catgraft_testkit::s3::S3Options { seed, ..Default::default() }).await.unwrap();
        let objects = Arc::new(double.store("").await);
        let house = House::with_store(objects.clone(), &[]).await;
        let (vid, lsn, sid) = volume(&house.client()).await;
        let (client, stop) = cold(&house, objects).await;
        // Once in the segment's index, and once in its pages.
        for skip in [0, 1] {
            double.inject(FaultRule::new(Fault::FlipBit).on(S3Call::Get).skip(skip).times(1));
            match read(&client, vid, lsn).await {
                Err((status, code, message)) => {
                    assert_eq!((status, code), DAMAGED, "seed {seed}: {message}");
                    assert!(message.contains(&sid.to_string()), "seed {seed}: {message}");
                }
                // Another bit in a gap that nobody reads is no damage.
                Ok(()) => assert_eq!(double.status().faults["flip_bit"], skip + 1, "seed {seed}"),
            }
        }
        read(&client, vid, lsn).await.unwrap_or_else(|told| panic!("seed {seed}: {told:?}"));
        stop.cancel();
    }
}
