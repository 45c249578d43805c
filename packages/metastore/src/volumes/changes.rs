//! The pages that changed in a range of commits, in time that hardly grows with the range.
//!
//! History never changes, so the union of the changes of every [`BLOCK_COMMITS`] commits, counted from the first, is
//! worked out once and kept in memory. A long range is then some hundred unions of blocks and, at its ends, fewer commits than a
//! block has. A block is worked out once however many clients ask for it at a time.

use std::{ops::RangeInclusive, sync::Arc};

use catgraft_core::{ByteSize, Lsn, PageSet, VolumeId};
use futures::{StreamExt, TryStreamExt, stream};
use quick_cache::{Weighter, sync::Cache};

use super::Error;
use crate::catalog::{Catalog, CommitsWanted};

/// Commits of a block.
const BLOCK_COMMITS: u64 = 1024;
/// What a block costs in memory beside its page set.
const BLOCK_BYTES: u64 = 128;
/// How many blocks room is made for at first.
const BLOCKS_EXPECTED: usize = 1024;
/// Blocks of one range that are worked out at a time.
const CONCURRENCY: usize = 2;

/// A block of a volume, by its number.
type Key = (VolumeId, u64);

/// The blocks in memory.
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
                Part::Block(number) => {
                    let work = async { read_span(catalog, vid, block(number)).await.map(Arc::new) };
                    self.0.get_or_insert_async(&(vid, number), work).await
                }
                Part::Commits(lsns) => read_span(catalog, vid, lsns).await.map(Arc::new),
            }
        });
        let union = |mut pages: PageSet, part: Arc<PageSet>| async move {
            pages.union_with(&part);
            Ok(pages)
        };
        parts.buffer_unordered(CONCURRENCY).try_fold(PageSet::new(), union).await
    }
}

/// A part of a range.
#[derive(Debug, PartialEq)]
enum Part {
    /// The whole block of this number.
    Block(u64),
    /// Fewer commits than a block.
    Commits(RangeInclusive<u64>),
}

/// The LSNs of a block.
fn block(number: u64) -> RangeInclusive<u64> {
    number * BLOCK_COMMITS + 1..=(number + 1) * BLOCK_COMMITS
}

/// Cuts a range where blocks begin and end.
fn parts(first: u64, last: u64) -> impl Iterator<Item = Part> {
    let mut next = first;
    std::iter::from_fn(move || {
        if next > last {
            return None;
        }
        let number = (next - 1) / BLOCK_COMMITS;
        let whole = block(number);
        let part = if next == *whole.start() && *whole.end() <= last {
            Part::Block(number)
        } else {
            Part::Commits(next..=last.min(*whole.end()))
        };
        next = whole.end() + 1;
        Some(part)
    })
}

/// Reads the log of a few commits.
async fn read_span(catalog: &dyn Catalog, vid: VolumeId, lsns: RangeInclusive<u64>) -> Result<PageSet, Error> {
    let lsn = |number: u64| Lsn::try_from(number).expect("LSNs of a range count from 1");
    let (mut next, last) = (*lsns.start(), *lsns.end());
    let mut pages = PageSet::new();
    while next <= last {
        let span = catalog.segments_between(vid, lsn(next), lsn(last), CommitsWanted::BYTES_MAX).await?;
        let span = span.ok_or(Error::LogBroken { vid, lsn: lsn(next) })?;
        if span.last.get() - next + 1 != span.lists.len() as u64 {
            return Err(Error::LogBroken { vid, lsn: lsn(next) });
        }
        for list in &span.lists {
            let damaged = |source| Error::CommitDamaged { vid, lsn: lsn(next), source };
            pages.union_with(&list.pages().map_err(damaged)?);
            next += 1;
        }
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_COMMITS, Part, parts};

    fn cut(first: u64, last: u64) -> Vec<Part> {
        parts(first, last).collect()
    }

    #[test]
    fn a_range_is_cut_where_blocks_begin_and_end() {
        let end = BLOCK_COMMITS;
        assert_eq!(cut(1, end), [Part::Block(0)]);
        assert_eq!(cut(1, end - 1), [Part::Commits(1..=end - 1)]);
        assert_eq!(cut(2, end), [Part::Commits(2..=end)]);
        assert_eq!(cut(end, end + 1), [Part::Commits(end..=end), Part::Commits(end + 1..=end + 1)]);
        assert_eq!(
            cut(5, 3 * end + 7),
            [Part::Commits(5..=end), Part::Block(1), Part::Block(2), Part::Commits(3 * end + 1..=3 * end + 7)]
        );
        assert_eq!(cut(9, 8), []);
    }
}
