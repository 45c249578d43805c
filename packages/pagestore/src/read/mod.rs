//! Reading pages: a plan out of the volume index, fetches of what no cache has, one encoded answer.
//!
//! What a read costs: a lookup a page in the volume index and in the page cache. A page whose last version has left memory
//! for a run of the index costs the read of a block of that run and of every newer one. A page that no cache has costs a range
//! read of its segment, shared with its neighbours; a segment whose index is not known costs one range read more,
//! and all of those that a request needs cost one call to the metastore together.

mod answer;
mod fetch;
mod open;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use catgraft_core::{Page, PageIndex};
use catgraft_proto::ReadPagesCall;
use catgraft_service::room::{Full, Room};

pub(crate) use fetch::{FetchError, Fetcher};
pub(crate) use open::SegmentOpener;

use crate::index::{IndexError, VolumeIndexes};

/// The pages could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Index(#[from] Arc<IndexError>),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("others wait for the pages that the store should send")]
    Full(#[from] Full),
}

/// Reads pages.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) volumes: Arc<VolumeIndexes>,
    pub(crate) fetcher: Fetcher,
    /// Pages that may be on their way from the store, in memory, at one time. Pages that a cache has take no room: who
    /// waits for a store that is slow keeps nobody from them.
    pub(crate) pages_in_flight: Room,
}

impl Reader {
    /// The encoded `ReadPagesResponse` in pieces: pages in ascending order, those without content left out.
    pub(crate) async fn read(&self, call: &ReadPagesCall) -> Result<Vec<Bytes>, ReadError> {
        let plan = self.volumes.plan(call.vid, call.lsn, &call.pages).await?;
        if let Some(pages) = self.fetcher.cached(call.vid, &plan) {
            return Ok(answer::encode(pages));
        }
        let _room = self.pages_in_flight.take(plan.len()).await?;
        let pages: Vec<(PageIndex, Page)> = self.fetcher.fetch(call.vid, &plan).await?;
        Ok(answer::encode(pages))
    }
}
