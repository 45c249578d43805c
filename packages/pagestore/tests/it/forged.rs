//! Segments that an enemy wrote: into the bucket, in the place of ours, with checksums that are right in themselves; and,
//! where the enemy may register segments too, with an index that the catalog vouches for. No wrong page is ever answered,
//! nothing falls over, and the segment is named.

use std::sync::Arc;

use bytes::Bytes;
use catgraft_client::{Error, Retry};
use catgraft_core::{IdSource, Lsn, PAGE_SIZE, PageCount, PageIndex, RandomIds, SegmentId, Timestamp, VolumeId};
use catgraft_objects::{MemoryStore, ObjectKey, ObjectStore, Payload};
use catgraft_proto::{
    catgraft::internal::v1::{RegisterSegmentsRequest, SegmentRow, SegmentVolume},
    graft::common::v1::{GraftErrCode, SegmentInfo},
};
use catgraft_segment::{Compression, FOOTER_LEN, Footer, SegmentBuilder};
use catgraft_testkit::model::page_content;
use tokio_util::sync::CancellationToken;

use crate::support::{Client, House, new_vid, pages_of, start_pagestore, wire};

/// Services over a bucket that somebody else writes to, too.
struct World {
    objects: Arc<MemoryStore>,
    house: House,
}

impl World {
    async fn new() -> Self {
        let objects = Arc::new(MemoryStore::new());
        let house = House::with_store(objects.clone(), &[("ingest.compression", "none")]).await;
        Self { objects, house }
    }

    /// What a pagestore without anything in its caches is told of page 1.
    async fn told(&self, vid: VolumeId, lsn: Lsn) -> Result<Vec<(PageIndex, Bytes)>, (u16, GraftErrCode, String)> {
        let stop = CancellationToken::new();
        let (url, _) = start_pagestore(&self.house.metastore_url, self.objects.clone(), &[], stop.clone()).await;
        let client = Client::new(&self.house.metastore_url, &url, Retry::NEVER);
        let told = match client.read(vid, lsn, &pages_of(&[1])).await {
            Ok(pages) => Ok(pages),
            Err(Error::Refused { status, code, message, .. }) => Err((status, code, message)),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(reqwest::get(format!("{url}/health")).await.unwrap().status(), 200);
        stop.cancel();
        told
    }

    async fn must_name(&self, vid: VolumeId, lsn: Lsn, sid: SegmentId, what: &str) {
        let (status, code, message) = self.told(vid, lsn).await.expect_err(what);
        assert_eq!((status, code), (500, GraftErrCode::Server), "{what}: {message}");
        assert!(message.contains(&sid.to_string()), "{what}: {message}");
    }

    async fn put(&self, sid: SegmentId, object: Vec<u8>) {
        self.objects.put(&ObjectKey::segment(sid), Payload::from(Bytes::from(object))).await.unwrap();
    }
}

/// A whole segment of these pages, as a pagestore would write it.
fn segment(vid: VolumeId, indexes: &[u32], seed: u64, compression: Compression) -> Vec<u8> {
    let mut builder = SegmentBuilder::with_compression(compression);
    let indexes: Vec<_> = indexes.iter().map(|index| PageIndex::new(*index).unwrap()).collect();
    let data: Vec<u8> = indexes.iter().flat_map(|_| page_content(seed)).collect();
    builder.push_run(vid, &indexes, data.into()).unwrap();
    builder.finish().chunks.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_other_pages_in_it_is_refused_although_its_checksums_are_right() {
    let world = World::new().await;
    let (client, vid) = (world.house.client(), new_vid());
    let written = client.write(vid, [(PageIndex::FIRST, 1)]).await.unwrap();
    let sid = SegmentId::try_from(written[0].sid.as_ref()).unwrap();
    let lsn = client.commit(vid, None, PageCount::new(1), written).await.unwrap();
    let ours = world.objects.get(&ObjectKey::segment(sid)).await.unwrap();
    assert_eq!(world.told(vid, lsn).await.unwrap(), [(PageIndex::FIRST, page_content(1))]);
    // Of the same volume, page and form: nothing but the catalog's hash of the index tells them apart.
    let forged = segment(vid, &[1], 2, Compression::None);
    let footer = |object: &[u8]| Footer::decode(&object[object.len() - FOOTER_LEN..], object.len() as u64).unwrap();
    let (one, other) = (footer(&ours), footer(&forged));
    assert_eq!((one.byte_len, one.index_offset, one.index_len), (other.byte_len, other.index_offset, other.index_len));
    assert_ne!(one.index_hash, other.index_hash);
    world.put(sid, forged).await;
    world.must_name(vid, lsn, sid, "another page").await;
    for (what, forged) in [
        ("more pages", segment(vid, &[1, 2, 3], 2, Compression::None)),
        ("other pages", segment(vid, &[2], 1, Compression::None)),
        ("compressed", segment(vid, &[1], 1, Compression::Lz4)),
        ("of another volume", segment(new_vid(), &[1], 1, Compression::None)),
        ("empty", Vec::new()),
        ("zeros", vec![0; ours.len()]),
        ("twice", [&ours[..], &ours[..]].concat()),
        ("another first byte", [&[ours[0] ^ 1], &ours[1..]].concat()),
    ] {
        world.put(sid, forged).await;
        match world.told(vid, lsn).await {
            // What is behind an object that is longer is nobody's.
            Ok(pages) if what == "twice" => assert_eq!(pages, [(PageIndex::FIRST, page_content(1))]),
            Ok(_) => panic!("{what}: pages were answered"),
            Err(_) => world.must_name(vid, lsn, sid, what).await,
        }
    }
    world.put(sid, ours.to_vec()).await;
    assert_eq!(world.told(vid, lsn).await.unwrap(), [(PageIndex::FIRST, page_content(1))]);
}

/// An entry of an index as it lies in the file.
struct Entry {
    page: u32,
    offset: u32,
    len: u16,
    codec: u8,
    hash: [u8; 16],
}

/// The hash of a payload, bound to its place.
fn hash_of(vid: VolumeId, page: u32, payload: &[u8]) -> [u8; 16] {
    let key = [vid.as_bytes().as_slice(), &page.to_le_bytes(), b"segment page"].concat();
    blake3::keyed_hash(&key.try_into().unwrap(), payload).as_bytes()[..16].try_into().unwrap()
}

fn index_of(vid: VolumeId, count: u32, entries: &[Entry]) -> Vec<u8> {
    let mut index = [vid.as_bytes().as_slice(), &count.to_le_bytes()].concat();
    for Entry { page, offset, len, codec, hash } in entries {
        index.extend_from_slice(&page.to_le_bytes());
        index.extend_from_slice(&offset.to_le_bytes());
        index.extend_from_slice(&len.to_le_bytes());
        index.extend_from_slice(&[*codec, 0]);
        index.extend_from_slice(hash);
    }
    index
}

/// An LZ4 block of as many zeros as so few bytes can be.
fn lz4_bomb() -> Vec<u8> {
    let mut block = vec![0x1f, 0, 1, 0];
    block.resize(4094, 0xff);
    block.push(0);
    block
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_lies_is_refused_although_the_catalog_vouches_for_it() {
    let world = World::new().await;
    let (client, page) = (world.house.client(), page_content(1));
    let entry = |page: u32, offset: u32| Entry { page, offset, len: PAGE_SIZE as u16, codec: 0, hash: [0; 16] };
    let bomb = lz4_bomb();
    type Forge<'a> = (&'a str, Vec<u8>, Box<dyn Fn(VolumeId) -> Vec<u8> + 'a>);
    let forges: Vec<Forge<'_>> = vec![
        ("a page of other bytes", page.to_vec(), Box::new(|vid| index_of(vid, 1, &[entry(1, 0)]))),
        ("more pages than bytes", page.to_vec(), Box::new(|vid| index_of(vid, u32::MAX, &[entry(1, 0)]))),
        ("no pages", Vec::new(), Box::new(|vid| index_of(vid, 0, &[]))),
        ("a page beyond the file", page.to_vec(), Box::new(|vid| index_of(vid, 1, &[entry(1, u32::MAX)]))),
        (
            "pages that overlap",
            [&page[..], &page[..]].concat(),
            Box::new(|vid| index_of(vid, 3, &[entry(1, 0), entry(2, 2048), entry(3, 4096)])),
        ),
        ("a gap", [&page[..], &page[..]].concat(), Box::new(|vid| index_of(vid, 1, &[entry(1, 4096)]))),
        (
            "a codec that nobody knows",
            page.to_vec(),
            Box::new(|vid| index_of(vid, 1, &[Entry { codec: 9, ..entry(1, 0) }])),
        ),
        (
            "a block that expands",
            bomb.clone(),
            Box::new(|vid| {
                let len = bomb.len() as u16;
                index_of(vid, 1, &[Entry { page: 1, offset: 0, len, codec: 1, hash: hash_of(vid, 1, &bomb) }])
            }),
        ),
        ("an index longer than any", Vec::new(), Box::new(|_| vec![0x80; 300_000])),
        ("an index of noise", page.to_vec(), Box::new(|_| (0..5000_u32).map(|at| (at * 7919) as u8).collect())),
    ];
    for (what, pages, index) in forges {
        let vid = new_vid();
        let sid = RandomIds.segment_id(Timestamp::from_millis(1_900_000_000_000));
        let index = index(vid);
        let row = SegmentRow {
            sid: wire(sid.as_bytes()),
            byte_len: (pages.len() + index.len() + FOOTER_LEN) as u64,
            index_offset: pages.len() as u64,
            index_len: index.len() as u32,
            index_hash: Bytes::copy_from_slice(blake3::hash(&index).as_bytes()),
            volumes: vec![SegmentVolume { vid: wire(vid.as_bytes()), graft: pages_of(&[1]).encode() }],
        };
        let registered = client.metastore.register_segments(&RegisterSegmentsRequest { segments: vec![row] }).await;
        registered.unwrap_or_else(|error| panic!("{what}: {error}"));
        world.put(sid, [pages, index, vec![0; FOOTER_LEN]].concat()).await;
        let named = SegmentInfo { sid: wire(sid.as_bytes()), graft: pages_of(&[1]).encode() };
        let lsn = client.commit(vid, None, PageCount::new(1), vec![named]).await.unwrap();
        world.must_name(vid, lsn, sid, what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_numbers_lie_is_refused() {
    let world = World::new().await;
    let client = world.house.client();
    for (byte_len, index_offset, index_len) in [
        (1 << 62, 1 << 61, 48),
        (i64::MAX as u64, i64::MAX as u64 - 128, 48),
        (u64::from(u32::MAX), 0, u32::MAX - 80),
        (128, 0, 48),
        (128, 0, 0),
    ] {
        let (vid, sid) = (new_vid(), RandomIds.segment_id(Timestamp::from_millis(1_900_000_000_000)));
        let row = SegmentRow {
            sid: wire(sid.as_bytes()),
            byte_len,
            index_offset,
            index_len,
            index_hash: vec![1; 32].into(),
            volumes: vec![SegmentVolume { vid: wire(vid.as_bytes()), graft: pages_of(&[1]).encode() }],
        };
        client.metastore.register_segments(&RegisterSegmentsRequest { segments: vec![row] }).await.unwrap();
        world.put(sid, vec![0; 4096 + 48 + FOOTER_LEN]).await;
        let named = SegmentInfo { sid: wire(sid.as_bytes()), graft: pages_of(&[1]).encode() };
        let lsn = client.commit(vid, None, PageCount::new(1), vec![named]).await.unwrap();
        world.must_name(vid, lsn, sid, &format!("{byte_len} {index_offset} {index_len}")).await;
    }
}
