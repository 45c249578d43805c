//! What reads need again: verified pages in memory and on disk, what was just pushed, and the indexes of segments in memory.
//!
//! Pages and segments never change, so nothing here is ever stale; all of it may be lost. Limits are settings and
//! are held by the caches themselves, the disk's too: its files are as large as the limit says, and no larger.

mod folder;
mod key;
mod pages;
mod pushed;
mod segments;
#[cfg(test)]
mod tests;

pub(crate) use pages::PageCache;
pub use pages::{CacheError, DiskOptions};
pub(crate) use pushed::PushedRun;
pub(crate) use segments::SegmentCache;
