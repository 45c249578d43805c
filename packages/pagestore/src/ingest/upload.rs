//! One batch on its way: sealed, stored and registered at the same time, kept in the cache, answered.

use std::sync::Arc;

use bytes::Bytes;
use catgraft_core::{Clock, IdSource, SegmentId, limits::SEGMENT_TOLD_MAX};
use catgraft_objects::{ObjectKey, ObjectStore, Payload};
use catgraft_proto::catgraft::internal::v1::{SegmentRow, SegmentVolume};
use catgraft_segment::{PushError, SealedSegment};

use super::{
    decoder::Run,
    queue::{Batch, Pending, Stored},
    registrar::{RegisterError, Registrar},
    seal::Sealer,
};
use crate::cache::{PageCache, PushedRun, SegmentCache};

/// A batch that did not arrive. The pages may be stored or not; nobody was told of them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("segment {sid} could not be stored")]
    Store {
        sid: SegmentId,
        #[source]
        source: catgraft_objects::Error,
    },
    #[error("segment {sid} could not be registered")]
    Register {
        sid: SegmentId,
        #[source]
        source: RegisterError,
    },
    #[error("segment {sid} took longer than {} s to be stored and may have been removed", SEGMENT_TOLD_MAX.as_secs())]
    Late { sid: SegmentId },
    #[error("segment {sid} could not be built")]
    Build {
        sid: SegmentId,
        #[source]
        source: PushError,
    },
}

/// What an upload needs.
pub(crate) struct Upload {
    pub(crate) sealer: Sealer,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) registrar: Registrar,
    pub(crate) pages: PageCache,
    pub(crate) segments: SegmentCache,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upload")
    }
}

impl Upload {
    /// Brings a batch to the store and answers each of its runs.
    pub(crate) async fn run(self: Arc<Self>, batch: Batch) {
        let sid = self.ids.segment_id(self.clock.now());
        let (batch, sealed) = self.sealer.seal(batch).await;
        let outcome = match sealed {
            Ok(sealed) => self.store(sid, sealed).await,
            Err(source) => Err(UploadError::Build { sid, source }),
        };
        let failure = outcome.err().map(Arc::new);
        for Pending { run, done, share, .. } in batch.pending {
            let answer = match &failure {
                None => {
                    let pages = run.indexes.iter().copied().collect();
                    let Run { vid, indexes, data, capacity } = run;
                    self.pages.insert_pushed(sid, vid, PushedRun { indexes, data, capacity });
                    Ok(Stored { sid, pages })
                }
                Some(error) => Err(Arc::clone(error)),
            };
            drop(share);
            // A request that went away does not ask.
            let _ = done.send(answer);
        }
    }

    /// Stores and registers a segment, whose index is then kept: what was just pushed is what is read next.
    async fn store(&self, sid: SegmentId, mut sealed: SealedSegment) -> Result<(), UploadError> {
        let payload = Payload::from(std::mem::take(&mut sealed.chunks));
        let row = row_of(sid, &sealed);
        let key = ObjectKey::segment(sid);
        let (stored, registered) = tokio::join!(self.objects.put(&key, payload), self.registrar.register(row));
        stored.map_err(|source| UploadError::Store { sid, source })?;
        registered.map_err(|source| UploadError::Register { sid, source })?;
        // A process that was stopped in the middle and goes on a day later has nothing to tell: the object may have been
        // removed as one that no row knows, before its row was written.
        if sid.created() <= self.clock.now().minus(SEGMENT_TOLD_MAX) {
            return Err(UploadError::Late { sid });
        }
        self.segments.insert(sid, Arc::new(sealed.index));
        Ok(())
    }
}

fn row_of(sid: SegmentId, sealed: &SealedSegment) -> SegmentRow {
    let volumes = sealed
        .volumes
        .iter()
        .map(|(vid, pages)| SegmentVolume { vid: Bytes::copy_from_slice(vid.as_bytes()), graft: pages.encode() });
    SegmentRow {
        sid: Bytes::copy_from_slice(sid.as_bytes()),
        byte_len: sealed.summary.byte_len,
        index_offset: sealed.summary.index_offset,
        index_len: sealed.summary.index_len,
        index_hash: Bytes::copy_from_slice(&sealed.summary.index_hash),
        volumes: volumes.collect(),
    }
}
