//! Opens segments: what the catalog knows of them, then their index out of the object, checked against it.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use catgraft_client::MetastoreClient;
use catgraft_core::SegmentId;
use catgraft_objects::{ObjectKey, ObjectStore};
use catgraft_proto::catgraft::internal::v1::{ReadSegmentsRequest, SegmentRow};
use catgraft_segment::{Damaged, SegmentIndex, SegmentSummary};
use futures::{StreamExt, TryStreamExt, stream};

use super::fetch::FetchError;
use crate::cache::SegmentCache;

/// Indexes that one request opens at a time.
const OPEN_CONCURRENCY: usize = 16;

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
    /// The indexes of these segments.
    pub(super) async fn open(
        &self,
        sids: impl Iterator<Item = SegmentId>,
    ) -> Result<HashMap<SegmentId, Arc<SegmentIndex>>, FetchError> {
        let mut opened = HashMap::new();
        let mut unknown = Vec::new();
        for sid in sids {
            match self.cache.get(sid) {
                Some(index) => drop(opened.insert(sid, index)),
                None => unknown.push(sid),
            }
        }
        if unknown.is_empty() {
            return Ok(opened);
        }
        let summaries = self.summaries(&unknown).await?;
        let fetched: Vec<_> = stream::iter(summaries)
            .map(|(sid, summary)| async move { self.read_index(sid, &summary).await.map(|index| (sid, index)) })
            .buffer_unordered(OPEN_CONCURRENCY)
            .try_collect()
            .await?;
        opened.extend(fetched);
        Ok(opened)
    }

    async fn summaries(&self, sids: &[SegmentId]) -> Result<HashMap<SegmentId, SegmentSummary>, FetchError> {
        let sids_on_wire = sids.iter().map(|sid| Bytes::copy_from_slice(sid.as_bytes())).collect();
        let answer = self
            .metastore
            .read_segments(&ReadSegmentsRequest { sids: sids_on_wire })
            .await
            .map_err(FetchError::Metastore)?;
        let known: HashMap<_, _> = answer.segments.iter().filter_map(summary_of).collect();
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
