//! Brings planned pages: from memory, from the disk cache, and the rest from the store in as few range reads as
//! pay. Every page that comes from the store is checked against its segment's index before anybody sees it.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use bytes::Bytes;
use catgraft_core::{Page, PageIndex, SegmentId, VolumeId};
use catgraft_objects::{ObjectKey, ObjectStore};
use catgraft_segment::{Codec, Damaged, PageLocation};
use futures::{StreamExt, TryStreamExt, stream};

use super::open::{Located, SegmentOpener};
use crate::{cache::PageCache, index::Planned};

/// Pages nearer to each other than this are read at once: so many bytes cost less than another request.
const GAP_MAX: u64 = 64 * 1024;
/// Longest range of one read.
const RANGE_MAX: u64 = 1024 * 1024;
/// Range reads of one request at a time.
const FETCH_CONCURRENCY: usize = 16;

/// The pages could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the metastore could not tell where segments are")]
    Metastore(#[source] catgraft_client::Error),
    #[error("segment {sid} is named by a commit, and the catalog does not know it")]
    Unregistered { sid: SegmentId },
    #[error("segment {sid} could not be read")]
    Objects {
        sid: SegmentId,
        #[source]
        source: catgraft_objects::Error,
    },
    #[error(transparent)]
    Damaged(Damaged),
    #[error("segment {sid} does not hold page {page} of volume {vid}, and a commit says so")]
    NotHeld { sid: SegmentId, vid: VolumeId, page: PageIndex },
}

/// Brings pages.
pub(crate) struct Fetcher {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) opener: SegmentOpener,
    pub(crate) cache: PageCache,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetcher")
    }
}

/// One range read of a segment, and the pages in it.
#[derive(Debug, PartialEq)]
pub(super) struct RangeRead {
    pub(super) sid: SegmentId,
    pub(super) range: Range<u64>,
    pub(super) pages: Vec<(PageIndex, PageLocation)>,
}

impl Fetcher {
    /// The planned pages, in the plan's order, where memory has them all.
    pub(super) fn cached(&self, vid: VolumeId, plan: &[Planned]) -> Option<Vec<(PageIndex, Page)>> {
        plan.iter().map(|Planned { page, sid }| Some((*page, self.cache.get_memory(*sid, vid, *page)?))).collect()
    }

    /// The planned pages, in the plan's order.
    pub(super) async fn fetch(&self, vid: VolumeId, plan: &[Planned]) -> Result<Vec<(PageIndex, Page)>, FetchError> {
        let mut found: Vec<Option<Page>> =
            plan.iter().map(|Planned { page, sid }| self.cache.get_memory(*sid, vid, *page)).collect();
        if self.cache.has_disk() {
            self.fill_from_disk(vid, plan, &mut found).await;
        }
        let missing: Vec<Planned> =
            plan.iter().zip(&found).filter(|(_, page)| page.is_none()).map(|(planned, _)| *planned).collect();
        let mut fetched = if missing.is_empty() { BTreeMap::new() } else { self.read_store(vid, &missing).await? };
        let pages = plan.iter().zip(found).map(|(Planned { page, sid }, found)| {
            let not_held = FetchError::NotHeld { sid: *sid, vid, page: *page };
            let content = found.or_else(|| fetched.remove(page)).ok_or(not_held)?;
            Ok((*page, content))
        });
        pages.collect()
    }

    async fn fill_from_disk(&self, vid: VolumeId, plan: &[Planned], found: &mut [Option<Page>]) {
        let asked = plan.iter().zip(found.iter_mut()).filter(|(_, page)| page.is_none());
        stream::iter(asked)
            .for_each_concurrent(FETCH_CONCURRENCY, |(Planned { page, sid }, place)| async move {
                *place = self.cache.get(*sid, vid, *page).await;
            })
            .await;
    }

    async fn read_store(&self, vid: VolumeId, missing: &[Planned]) -> Result<BTreeMap<PageIndex, Page>, FetchError> {
        let located = self.opener.locate(vid, missing).await?;
        let mut reads = range_reads(located);
        if reads.len() == 1 {
            return Ok(self.read_range(vid, reads.remove(0)).await?.into_iter().collect());
        }
        let pages: Vec<Vec<(PageIndex, Page)>> = stream::iter(reads)
            .map(|read| self.read_range(vid, read))
            .buffer_unordered(FETCH_CONCURRENCY)
            .try_collect()
            .await?;
        Ok(pages.into_iter().flatten().collect())
    }

    async fn read_range(&self, vid: VolumeId, read: RangeRead) -> Result<Vec<(PageIndex, Page)>, FetchError> {
        let RangeRead { sid, range, pages } = read;
        let start = range.start;
        let bytes = self
            .objects
            .get_range(&ObjectKey::segment(sid), range)
            .await
            .map_err(|source| FetchError::Objects { sid, source })?;
        let mut opened = Vec::with_capacity(pages.len());
        for (index, location) in pages {
            let payload = slice(&bytes, start, location.range());
            let page = location.open(vid, index, payload).map_err(|source| source.in_segment(sid))?;
            // The cache and the answer keep the page, not the range that it came in.
            let page = match location.codec {
                Codec::Raw => Page::try_from(Bytes::copy_from_slice(page.as_bytes())).expect("it was a page before"),
                Codec::Lz4 => page,
            };
            self.cache.insert(sid, vid, index, page.as_bytes().clone());
            opened.push((index, page));
        }
        Ok(opened)
    }
}

/// Joins pages of one segment that lie near each other into range reads.
pub(super) fn range_reads(mut located: Vec<Located>) -> Vec<RangeRead> {
    located.sort_unstable_by_key(|(sid, _, location)| (*sid, location.offset));
    let mut reads: Vec<RangeRead> = Vec::new();
    for (sid, page, location) in located {
        let range = location.range();
        match reads.last_mut() {
            Some(last)
                if last.sid == sid
                    && range.start <= last.range.end + GAP_MAX
                    && range.end - last.range.start <= RANGE_MAX =>
            {
                last.range.end = last.range.end.max(range.end);
                last.pages.push((page, location));
            }
            _ => reads.push(RangeRead { sid, range, pages: vec![(page, location)] }),
        }
    }
    reads
}

/// The part of `bytes` that is `range` of the object; empty where it is not in it, which no page is.
fn slice(bytes: &Bytes, start: u64, range: Range<u64>) -> Bytes {
    let part = || {
        let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
        (to <= bytes.len()).then(|| bytes.slice(from..to))
    };
    part().unwrap_or_default()
}
