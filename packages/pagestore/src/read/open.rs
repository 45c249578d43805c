//! Opens segments: what the catalog knows of them, then their index out of the object, checked against it.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use catgraft_client::MetastoreClient;
use catgraft_core::{PageIndex, SegmentId, VolumeId};
use catgraft_objects::{ObjectKey, ObjectStore};
use catgraft_proto::catgraft::internal::v1::{ReadSegmentsRequest, SegmentRow};
use catgraft_segment::{Damaged, PageLocation, SegmentIndex, SegmentSummary};
use futures::{StreamExt, TryStreamExt, stream};

use super::fetch::FetchError;
use crate::{cache::SegmentCache, index::Planned};

/// Indexes that one request opens at a time.
const OPEN_CONCURRENCY: usize = 16;

/// A page, and where it lies in a segment.
pub(super) type Located = (SegmentId, PageIndex, PageLocation);

/// Opens segments, and remembers those that were opened.
pub(crate) struct SegmentOpener {
    pub(crate) metastore: MetastoreClient,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) cache: SegmentCache,
}

impl std::fmt::Debug for SegmentOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SegmentOpener")
    }
}

impl SegmentOpener {
    /// Where these pages lie in their segments. Only so many indexes are held at once as are read at once.
    pub(super) async fn locate(&self, vid: VolumeId, planned: &[Planned]) -> Result<Vec<Located>, FetchError> {
        let mut by_segment: BTreeMap<SegmentId, Vec<PageIndex>> = BTreeMap::new();
        for Planned { page, sid } in planned {
            by_segment.entry(*sid).or_default().push(*page);
        }
        let mut located = Vec::with_capacity(planned.len());
        let mut unknown = Vec::new();
        for (sid, pages) in &by_segment {
            match self.cache.get(*sid) {
                Some(index) => find_all(vid, *sid, pages, &index, &mut located)?,
                None => unknown.push(*sid),
            }
        }
        if unknown.is_empty() {
            return Ok(located);
        }
        let summaries = self.summaries(&unknown).await?;
        let mut opened = stream::iter(summaries)
            .map(|(sid, summary)| async move { self.read_index(sid, &summary).await.map(|index| (sid, index)) })
            .buffer_unordered(OPEN_CONCURRENCY);
        while let Some((sid, index)) = opened.try_next().await? {
            let pages = by_segment.get(&sid).map_or(&[][..], Vec::as_slice);
            find_all(vid, sid, pages, &index, &mut located)?;
        }
        Ok(located)
    }

    async fn summaries(&self, sids: &[SegmentId]) -> Result<BTreeMap<SegmentId, SegmentSummary>, FetchError> {
        let sids_on_wire = sids.iter().map(|sid| Bytes::copy_from_slice(sid.as_bytes())).collect();
        let answer = self
            .metastore
            .read_segments(&ReadSegmentsRequest { sids: sids_on_wire })
            .await
            .map_err(FetchError::Metastore)?;
        // In the order of ids, in which their indexes are then asked for.
        let known: BTreeMap<_, _> = answer.segments.iter().filter_map(summary_of).collect();
        match sids.iter().find(|sid| !known.contains_key(sid)) {
            Some(sid) => Err(FetchError::Unregistered { sid: *sid }),
            None => Ok(known),
        }
    }

    async fn read_index(&self, sid: SegmentId, summary: &SegmentSummary) -> Result<Arc<SegmentIndex>, FetchError> {
        let damaged = |source: catgraft_segment::Error| FetchError::Damaged(source.in_segment(sid));
        let range = summary.index_range().map_err(damaged)?;
        let bytes = self
            .objects
            .get_range(&ObjectKey::segment(sid), range)
            .await
            .map_err(|source| FetchError::Objects { sid, source })?;
        let index = Arc::new(SegmentIndex::decode(summary, &bytes).map_err(damaged)?);
        self.cache.insert(sid, Arc::clone(&index));
        Ok(index)
    }
}

fn find_all(
    vid: VolumeId,
    sid: SegmentId,
    pages: &[PageIndex],
    index: &SegmentIndex,
    located: &mut Vec<Located>,
) -> Result<(), FetchError> {
    for page in pages {
        let location = index.find(vid, *page).ok_or(FetchError::NotHeld { sid, vid, page: *page })?;
        located.push((sid, *page, location));
    }
    Ok(())
}

fn summary_of(row: &SegmentRow) -> Option<(SegmentId, SegmentSummary)> {
    let sid = SegmentId::try_from(row.sid.as_ref()).ok()?;
    let summary = SegmentSummary {
        byte_len: row.byte_len,
        index_offset: row.index_offset,
        index_len: row.index_len,
        index_hash: row.index_hash.as_ref().try_into().ok()?,
    };
    Some((sid, summary))
}

impl From<Damaged> for FetchError {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged(damaged)
    }
}
