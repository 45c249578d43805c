//! The caches hold their limits, and give back what they were given.

use std::{fs, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use catgraft_core::{ByteSize, PAGE_SIZE, PageIndex, SegmentId, Timestamp, VolumeId};
use catgraft_segment::{SegmentBuilder, SegmentIndex};

use super::{CacheError, DiskOptions, PageCache, PushedRun, SegmentCache};

fn sid() -> SegmentId {
    SegmentId::from_parts(Timestamp::from_millis(1), [1; 9])
}

fn vid() -> VolumeId {
    VolumeId::from_parts(Timestamp::from_millis(1), [2; 9])
}

fn page(number: u32) -> Bytes {
    Bytes::from(vec![(number % 251) as u8; PAGE_SIZE])
}

fn indexes(count: u32) -> impl Iterator<Item = PageIndex> {
    (1..=count).filter_map(PageIndex::new)
}

fn disk(path: &Path, limit: &str) -> DiskOptions {
    DiskOptions { path: path.to_owned(), space_limit: limit.parse().unwrap(), open_limit: 64 }
}

fn bytes_on_disk(path: &Path) -> u64 {
    fs::read_dir(path).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn memory_holds_its_limit() {
    let cache = PageCache::open(ByteSize::from_mib(1), None).await.unwrap();
    for index in indexes(2000) {
        cache.insert(sid(), vid(), index, page(index.get()));
    }
    assert!(cache.memory_usage() <= 1 << 20, "{} bytes", cache.memory_usage());
    let kept = indexes(2000).filter(|index| cache.get_memory(sid(), vid(), *index).is_some()).count();
    assert!((100..=256).contains(&kept), "{kept} pages");
}

/// A run of so many pages from the first on.
fn pushed(count: u32) -> PushedRun {
    let data: Vec<u8> = indexes(count).flat_map(|index| page(index.get())).collect();
    PushedRun { indexes: indexes(count).collect(), capacity: data.len(), data: data.into() }
}

#[tokio::test]
async fn of_what_was_pushed_what_is_read_stays() {
    let cache = PageCache::open(ByteSize::from_mib(1), None).await.unwrap();
    let [read, unread] = [3, 4].map(|number| PageIndex::new(number).unwrap());
    cache.insert_pushed(sid(), vid(), pushed(16));
    assert!(cache.memory_usage() > 16 * PAGE_SIZE, "{} bytes", cache.memory_usage());
    assert_eq!(*cache.get_memory(sid(), vid(), read).unwrap().as_bytes(), page(3));
    for number in 2..100 {
        cache.insert_pushed(SegmentId::from_parts(Timestamp::from_millis(number), [1; 9]), vid(), pushed(16));
        assert!(cache.memory_usage() <= 1 << 20, "{} bytes", cache.memory_usage());
    }
    assert_eq!(*cache.get_memory(sid(), vid(), read).unwrap().as_bytes(), page(3));
    assert!(cache.get_memory(sid(), vid(), unread).is_none());
    for index in indexes(2000) {
        cache.insert(sid(), vid(), index, page(index.get()));
    }
    assert!(cache.memory_usage() <= 1 << 20, "{} bytes with what was read", cache.memory_usage());
}

#[tokio::test]
async fn with_a_disk_all_that_was_pushed_gets_there() {
    let folder = tempfile::tempdir().unwrap();
    let options = disk(folder.path(), "8 MB");
    let cache = PageCache::open(ByteSize::from_mib(1), Some(&options)).await.unwrap();
    cache.insert_pushed(sid(), vid(), pushed(16));
    cache.close().await;
    drop(cache);
    let cache = PageCache::open(ByteSize::from_mib(1), Some(&options)).await.unwrap();
    for index in indexes(16) {
        assert_eq!(*cache.get(sid(), vid(), index).await.unwrap().as_bytes(), page(index.get()));
    }
}

#[tokio::test]
async fn the_disk_holds_its_limit_and_gives_pages_back() {
    let folder = tempfile::tempdir().unwrap();
    let cache = PageCache::open(ByteSize::from_mib(1), Some(&disk(folder.path(), "1 MB"))).await.unwrap();
    let mut beyond_memory = 0;
    for index in indexes(3000) {
        cache.insert(sid(), vid(), index, page(index.get()));
        let on_disk = bytes_on_disk(folder.path());
        assert!(on_disk <= 1_000_000, "{on_disk} bytes");
    }
    cache.close().await;
    for index in indexes(3000) {
        let in_memory = cache.get_memory(sid(), vid(), index).is_some();
        if let Some(found) = cache.get(sid(), vid(), index).await {
            assert_eq!(*found.as_bytes(), page(index.get()));
            beyond_memory += u32::from(!in_memory);
        }
    }
    assert!(beyond_memory > 0, "no page came from the disk");
}

#[tokio::test]
async fn what_was_on_disk_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = disk(folder.path(), "8 MB");
    let cache = PageCache::open(ByteSize::from_bytes(64 * 1024), Some(&options)).await.unwrap();
    for index in indexes(400) {
        cache.insert(sid(), vid(), index, page(index.get()));
    }
    cache.close().await;
    drop(cache);
    let cache = PageCache::open(ByteSize::from_bytes(64 * 1024), Some(&options)).await.unwrap();
    let mut found = 0;
    for index in indexes(400) {
        if let Some(kept) = cache.get(sid(), vid(), index).await {
            assert_eq!(*kept.as_bytes(), page(index.get()));
            found += 1;
        }
    }
    assert!(found > 100, "{found} pages");
}

#[tokio::test]
async fn a_lowered_limit_holds_for_what_was_there_before() {
    let folder = tempfile::tempdir().unwrap();
    let cache = PageCache::open(ByteSize::from_mib(1), Some(&disk(folder.path(), "8 MB"))).await.unwrap();
    cache.close().await;
    drop(cache);
    assert!(bytes_on_disk(folder.path()) > 1_000_000);
    let cache = PageCache::open(ByteSize::from_mib(1), Some(&disk(folder.path(), "1 MB"))).await.unwrap();
    assert!(bytes_on_disk(folder.path()) <= 1_000_000);
    cache.close().await;
}

#[test]
fn limits_that_ask_for_huge_files_are_refused() {
    let huge = DiskOptions { open_limit: 2, ..disk(Path::new("unused"), "1 TB") };
    assert!(matches!(huge.check(), Err(CacheError::FilesTooLarge { .. })));
}

#[tokio::test]
async fn a_limit_that_is_too_small_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let opened = PageCache::open(ByteSize::from_mib(1), Some(&disk(folder.path(), "100 KB"))).await;
    assert!(matches!(opened, Err(CacheError::TooSmall { .. })));
}

#[test]
fn the_indexes_of_a_hundred_thousand_small_segments_fit_the_default_and_no_limit_is_passed() {
    let index = Arc::new(sealed_index());
    let sids = || (0..200_000u64).map(|number| SegmentId::from_parts(Timestamp::from_millis(number), [1; 9]));
    let cache = SegmentCache::new(ByteSize::from_mib(24));
    for sid in sids() {
        cache.insert(sid, Arc::clone(&index));
        assert!(cache.memory_usage() <= 24 << 20, "{} bytes", cache.memory_usage());
    }
    let kept = sids().filter(|sid| cache.get(*sid).is_some()).count();
    assert!(kept >= 100_000, "{kept} indexes");
}

/// The index of a segment with one page.
fn sealed_index() -> SegmentIndex {
    let mut builder = SegmentBuilder::new();
    builder.push(vid(), PageIndex::FIRST, page(1).try_into().unwrap()).unwrap();
    builder.finish().index
}

#[tokio::test]
async fn a_folder_that_a_killed_process_left_without_an_empty_file_is_written_to_again() {
    let folder = tempfile::tempdir().unwrap();
    let options = disk(folder.path(), "1 MB");
    for _ in 0..2 {
        let cache = PageCache::open(ByteSize::from_bytes(64 * 1024), Some(&options)).await.unwrap();
        for index in indexes(1000) {
            cache.insert(sid(), vid(), index, page(index.get()));
        }
        let closed = tokio::time::timeout(Duration::from_secs(30), cache.close()).await;
        assert!(closed.is_ok(), "the cache waits for an empty file");
        drop(cache);
        use_every_file(folder.path());
    }
}

/// As if the process had been killed right after it took the last empty file.
fn use_every_file(folder: &Path) {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let is_used = |path: &&std::path::PathBuf| fs::read(path).unwrap()[..16] != [0; 16];
    let (used, empty): (Vec<_>, Vec<_>) = files.iter().partition(is_used);
    assert!(!used.is_empty(), "nothing was written");
    for path in empty {
        fs::copy(used[0], path).unwrap();
    }
}
