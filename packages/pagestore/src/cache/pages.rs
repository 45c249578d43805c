//! The page cache: memory first, then disk where a folder is set.
//!
//! A page goes to the disk when memory has no more room for it, and is checked by the disk cache's own checksum when it
//! comes back. Pages enter only after their segment's hash was checked, or as they were pushed. Without a disk, what was pushed
//! stays in its runs, in a part of the memory of their own, until it is read; with one, its pages enter one by one,
//! because all of them are to get there.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use catgraft_core::{ByteSize, PAGE_SIZE, Page, PageIndex, SegmentId, VolumeId};
use foyer::{
    BlockEngineConfig, DeviceBuilder, FsDeviceBuilder, HybridCache, HybridCacheBuilder, PsyncIoEngineConfig,
    S3FifoConfig,
};

use super::{
    folder,
    key::PageKey,
    pushed::{Pushed, PushedRun},
};

/// Least disk space that a disk cache works with.
const DISK_MIN: u64 = 1 << 19;
/// What a page takes on disk: itself and a header, in steps of 4096 bytes.
const PAGE_ON_DISK: u64 = 2 * PAGE_SIZE as u64;
/// Files are at least as large as some pages and at most 16 MiB, the disk cache's own choice.
const FILE_MIN: u64 = 8 * PAGE_ON_DISK;
const FILE_MAX: u64 = 16 << 20;
/// The disk cache counts the bytes of a file in 32 bits.
const FILE_LIMIT: u64 = u32::MAX as u64;
/// A small disk cache has at least so many files, because a file is what is dropped at a time.
const FILES_MIN: u64 = 8;
/// Memory for pages that are being written to disk.
const DISK_BUFFER: usize = 4 << 20;
/// The part of the memory that is for what was just pushed, where there is no disk.
const PUSHED_PART: usize = 10;
/// What an entry costs in memory beside its page.
const ENTRY_OVERHEAD: usize = 160;

/// The cache can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The limit is too small to be of use.
    #[error("a disk cache of {limit} is too small: it needs at least 512 KiB")]
    TooSmall {
        /// The setting.
        limit: ByteSize,
    },
    /// The limits ask for files that are too large.
    #[error("a disk cache of {limit} in {open} open files is too much for each: raise cache.open_limit")]
    FilesTooLarge {
        /// The setting of the space.
        limit: ByteSize,
        /// The setting of the files.
        open: u32,
    },
    /// A file that an earlier cache left can't be removed.
    #[error("the cache folder {} can't be tidied", path.display())]
    Tidy {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// The folder can't be used.
    #[error("the cache folder {} can't be used", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: foyer::Error,
    },
}

/// Where the disk cache keeps pages, and how many.
#[derive(Debug, Clone)]
pub struct DiskOptions {
    /// Its folder.
    pub path: PathBuf,
    /// Most disk space.
    pub space_limit: ByteSize,
    /// Most files kept open.
    pub open_limit: u32,
}

impl DiskOptions {
    /// Can a cache work with these?
    pub(crate) fn check(&self) -> Result<(), CacheError> {
        if self.space_limit.as_bytes() < DISK_MIN {
            return Err(CacheError::TooSmall { limit: self.space_limit });
        }
        if self.file_bytes() > FILE_LIMIT {
            return Err(CacheError::FilesTooLarge { limit: self.space_limit, open: self.open_limit });
        }
        Ok(())
    }

    /// The size of the disk cache's files: few enough for `open_limit`, and small enough that dropping one is little.
    fn file_bytes(&self) -> u64 {
        let limit = self.space_limit.as_bytes();
        let for_open_limit = limit.div_ceil(u64::from(self.open_limit.max(1)));
        let wanted = (limit / FILES_MIN).clamp(FILE_MIN, FILE_MAX).max(for_open_limit.min(limit / 2));
        wanted / PAGE_SIZE as u64 * PAGE_SIZE as u64
    }
}

/// Pages by segment, volume and index. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct PageCache {
    pages: HybridCache<PageKey, Bytes>,
    pushed: Option<Arc<Pushed>>,
}

impl PageCache {
    /// Opens the cache; what an earlier process left on disk is used again.
    pub(crate) async fn open(memory: ByteSize, disk: Option<&DiskOptions>) -> Result<Self, CacheError> {
        let memory = usize::try_from(memory.as_bytes()).unwrap_or(usize::MAX);
        let for_pushed = if disk.is_none() { memory / PUSHED_PART } else { 0 };
        let builder = HybridCacheBuilder::new()
            .with_name("pages")
            .memory((memory - for_pushed).max(1))
            .with_shards(8)
            .with_eviction_config(S3FifoConfig::default())
            .with_weighter(|_: &PageKey, page: &Bytes| page.len() + ENTRY_OVERHEAD)
            .storage();
        let path = disk.map_or(Path::new(""), |disk| disk.path.as_path());
        let unusable = |source| CacheError::Folder { path: path.to_owned(), source };
        let builder = match disk {
            None => builder,
            Some(disk) => {
                disk.check()?;
                let file_bytes = disk.file_bytes();
                let files = disk.space_limit.as_bytes() / file_bytes;
                folder::tidy(path, files).map_err(|source| CacheError::Tidy { path: path.to_owned(), source })?;
                let capacity = files * file_bytes;
                let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
                let device = FsDeviceBuilder::new(path).with_capacity(capacity).build().map_err(unusable)?;
                let file_bytes = usize::try_from(file_bytes).expect("a file is a part of the capacity");
                let engine = BlockEngineConfig::new(device)
                    .with_block_size(file_bytes)
                    .with_buffer_pool_size(DISK_BUFFER)
                    .with_submit_queue_size_threshold(DISK_BUFFER)
                    .with_indexer_shards(8);
                builder.with_io_engine_config(PsyncIoEngineConfig::new()).with_engine_config(engine)
            }
        };
        let pages = builder.build().await.map_err(unusable)?;
        Ok(Self { pages, pushed: disk.is_none().then(|| Arc::new(Pushed::new(for_pushed))) })
    }

    /// The page, where memory has it.
    pub(crate) fn get_memory(&self, sid: SegmentId, vid: VolumeId, index: PageIndex) -> Option<Page> {
        let page = match self.pages.memory().get(&PageKey::new(sid, vid, index)) {
            Some(entry) => entry.value().clone(),
            None => {
                let slice = self.pushed.as_ref()?.get(sid, vid, index)?;
                let page = Bytes::copy_from_slice(&slice);
                self.insert(sid, vid, index, page.clone());
                page
            }
        };
        Page::try_from(page).ok()
    }

    /// The page, where memory or disk has it. A disk that fails is a page that is not there.
    pub(crate) async fn get(&self, sid: SegmentId, vid: VolumeId, index: PageIndex) -> Option<Page> {
        match self.pages.get(&PageKey::new(sid, vid, index)).await {
            Ok(entry) => Page::try_from(entry?.value().clone()).ok(),
            Err(error) => {
                tracing::warn!(segment_id = %sid, page = %index, error = %error, "the cache folder can't be read");
                None
            }
        }
    }

    /// Is there a disk to ask?
    pub(crate) fn has_disk(&self) -> bool {
        self.pages.is_hybrid()
    }

    /// Keeps a page; its bytes must be its own, not a slice of something larger.
    pub(crate) fn insert(&self, sid: SegmentId, vid: VolumeId, index: PageIndex, page: Bytes) {
        self.pages.insert(PageKey::new(sid, vid, index), page);
    }

    /// Keeps what was just pushed.
    pub(crate) fn insert_pushed(&self, sid: SegmentId, vid: VolumeId, run: PushedRun) {
        match &self.pushed {
            Some(pushed) => pushed.insert(sid, vid, run),
            None => {
                for (index, page) in run.indexes.iter().zip(run.data.chunks_exact(PAGE_SIZE)) {
                    self.insert(sid, vid, *index, Bytes::copy_from_slice(page));
                }
            }
        }
    }

    /// Bytes of memory in use.
    pub(crate) fn memory_usage(&self) -> usize {
        self.pages.memory().usage() + self.pushed.as_ref().map_or(0, |pushed| pushed.memory_usage())
    }

    /// Finishes what is being written to disk.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.pages.close().await {
            tracing::warn!(error = %error, "the cache could not be written to its folder");
        }
    }
}
