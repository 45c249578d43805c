//! The pages that changed in a range of commits, in time that hardly grows with the range.
//!
//! History never changes, so the union of the changes of every [`BLOCK_COMMITS`] commits, counted from the first, is
//! worked out once and kept in memory, and so is that of every [`SPAN_BLOCKS`] blocks. A long range is then some hundred unions of
//! spans and blocks and, at its ends, fewer commits than a block has. Each is worked out once however many clients
//! ask for it at a time.

#[cfg(test)]
mod tests;

use std::{ops::RangeInclusive, sync::Arc};

use catgraft_core::{ByteSize, Lsn, PageSet, PageSetUnion, VolumeId};
use futures::{StreamExt, TryStreamExt, stream};
use quick_cache::{Weighter, sync::Cache};

use super::Error;
use crate::catalog::{Catalog, CommitsWanted};

/// Commits of a block.
const BLOCK_COMMITS: u64 = 1024;
/// Blocks of a span.
const SPAN_BLOCKS: u64 = 128;
/// What a block costs in memory beside its page set.
const BLOCK_BYTES: u64 = 128;
/// How many blocks room is made for at first.
const BLOCKS_EXPECTED: usize = 1024;
/// Parts of one range that are worked out at a time.
const CONCURRENCY: usize = 2;

/// What is kept of a volume: a block or a span.
type Key = (VolumeId, Whole);

/// A block or a span, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whole {
    Block(u64),
    Span(u64),
}

/// The blocks and spans in memory.
pub(crate) struct ChangedPages(Cache<Key, Arc<PageSet>, Bytes>);

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<PageSet>> for Bytes {
    fn weight(&self, _: &Key, pages: &Arc<PageSet>) -> u64 {
        BLOCK_BYTES + pages.memory_len() as u64
    }
}

impl ChangedPages {
    /// No blocks yet, and at most so much memory for them.
    pub(crate) fn new(limit: ByteSize) -> Self {
        Self(Cache::with_weighter(BLOCKS_EXPECTED, limit.as_bytes(), Bytes))
    }

    /// Bytes of memory in use.
    pub(crate) fn memory_usage(&self) -> u64 {
        self.0.weight()
    }

    /// The pages that changed in a range that ends at the head or before it.
    pub(super) async fn read(
        &self,
        catalog: &dyn Catalog,
        vid: VolumeId,
        range: RangeInclusive<Lsn>,
    ) -> Result<PageSet, Error> {
        let parts = parts(range.start().get(), range.end().get());
        let parts = stream::iter(parts).map(|part| async move {
            match part {
                Part::Whole(Whole::Span(number)) => self.span(catalog, vid, number).await,
                Part::Whole(Whole::Block(number)) => self.block(catalog, vid, number).await,
                Part::Commits(lsns) => read_commits(catalog, vid, lsns).await.map(Arc::new),
            }
        });
        parts.buffer_unordered(CONCURRENCY).try_fold(PageSet::new(), union).await
    }

    async fn span(&self, catalog: &dyn Catalog, vid: VolumeId, number: u64) -> Result<Arc<PageSet>, Error> {
        let work = async {
            let blocks = stream::iter(number * SPAN_BLOCKS..(number + 1) * SPAN_BLOCKS);
            let blocks = blocks.map(|number| self.block(catalog, vid, number)).buffer_unordered(CONCURRENCY);
            blocks.try_fold(PageSet::new(), union).await.map(Arc::new)
        };
        self.0.get_or_insert_async(&(vid, Whole::Span(number)), work).await
    }

    async fn block(&self, catalog: &dyn Catalog, vid: VolumeId, number: u64) -> Result<Arc<PageSet>, Error> {
        let work = async { read_commits(catalog, vid, Whole::Block(number).lsns()).await.map(Arc::new) };
        self.0.get_or_insert_async(&(vid, Whole::Block(number)), work).await
    }
}

async fn union(mut pages: PageSet, part: Arc<PageSet>) -> Result<PageSet, Error> {
    pages.union_with(&part);
    Ok(pages)
}

impl Whole {
    /// The largest that begins with an LSN and ends with another one or before it.
    fn at(first: u64, last: u64) -> Option<Self> {
        let before = (first - 1) / BLOCK_COMMITS;
        let wholes = [Self::Span(before / SPAN_BLOCKS), Self::Block(before)];
        wholes.into_iter().find(|whole| *whole.lsns().start() == first && *whole.lsns().end() <= last)
    }

    fn lsns(self) -> RangeInclusive<u64> {
        let (number, len) = match self {
            Self::Block(number) => (number, BLOCK_COMMITS),
            Self::Span(number) => (number, SPAN_BLOCKS * BLOCK_COMMITS),
        };
        number * len + 1..=(number + 1) * len
    }
}

/// A part of a range.
#[derive(Debug, PartialEq)]
enum Part {
    Whole(Whole),
    /// Fewer commits than a block.
    Commits(RangeInclusive<u64>),
}

/// Cuts a range where blocks and spans begin and end.
fn parts(first: u64, last: u64) -> impl Iterator<Item = Part> {
    let mut next = first;
    std::iter::from_fn(move || {
        if next > last {
            return None;
        }
        let (part, end) = match Whole::at(next, last) {
            Some(whole) => (Part::Whole(whole), *whole.lsns().end()),
            None => {
                let end = last.min(*Whole::Block((next - 1) / BLOCK_COMMITS).lsns().end());
                (Part::Commits(next..=end), end)
            }
        };
        next = end + 1;
        Some(part)
    })
}

/// Reads the log of a few commits.
async fn read_commits(catalog: &dyn Catalog, vid: VolumeId, lsns: RangeInclusive<u64>) -> Result<PageSet, Error> {
    let lsn = |number: u64| Lsn::try_from(number).expect("LSNs of a range count from 1");
    let (mut next, last) = (*lsns.start(), *lsns.end());
    let mut pages = PageSetUnion::default();
    while next <= last {
        let page = catalog.commits_read(vid, CommitsWanted::range(Some(lsn(next)), Some(lsn(last)))).await?;
        let commits = page.map_or(Vec::new(), |page| page.commits);
        if commits.is_empty() {
            return Err(Error::LogBroken { vid, lsn: lsn(next) });
        }
        for commit in commits {
            if commit.lsn.get() != next {
                return Err(Error::LogBroken { vid, lsn: lsn(next) });
            }
            let damaged = |source| Error::CommitDamaged { vid, lsn: commit.lsn, source };
            commit.segments.add_pages_to(&mut pages).map_err(damaged)?;
            next += 1;
        }
    }
    Ok(pages.finish())
}
