//! Objects that no row knows, found by listing the store: those of uploads whose registration never came.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use catgraft_client::MetastoreClient;
use catgraft_core::{PageSet, SegmentId, Timestamp, VolumeId};
use catgraft_objects::{KeyPrefix, ObjectKey, ObjectStore};
use catgraft_proto::catgraft::internal::v1::{Orphan, ReadSegmentsRequest};
use catgraft_segment::{FOOTER_LEN, Footer, SegmentIndex};
use tokio::time::sleep;

use super::{PAUSE, RoundError};

/// Objects that are listed and asked for at a time.
const LISTED_AT_ONCE: usize = 1000;
/// Strays that are kept of one listing; the others are found again by the next one.
const STRAYS_MAX: usize = 10_000;

/// What a listing found among the objects that are old enough.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Found {
    /// Objects that have a row.
    pub(super) known: u64,
    /// Objects that have none.
    pub(super) unknown: u64,
    /// The first of those.
    pub(super) strays: Vec<Orphan>,
}

impl Found {
    /// Are these the leavings of a few crashes? Where most objects are unknown, the catalog is another one's, or was
    /// restored from an old dump, or is empty: then a human has to decide.
    pub(super) fn is_plausible(&self) -> bool {
        self.unknown <= self.known
    }
}

/// Looks at every object whose id was made before a moment.
pub(super) async fn find(
    metastore: &MetastoreClient,
    objects: &Arc<dyn ObjectStore>,
    old: Timestamp,
) -> Result<Found, RoundError> {
    let mut found = Found::default();
    let mut after = None;
    loop {
        let page =
            objects.list(KeyPrefix::SEGMENTS, after.as_ref(), LISTED_AT_ONCE).await.map_err(RoundError::Objects)?;
        let listed = page.len();
        after = page.last().map(|object| object.key.clone()).or(after);
        let orphan = |object: catgraft_objects::ObjectMeta| {
            let sid = object.key.as_segment().filter(|sid| sid.created() <= old)?;
            Some(Orphan { sid: Bytes::copy_from_slice(sid.as_bytes()), byte_len: object.len, vids: Vec::new() })
        };
        look_up(metastore, page.into_iter().filter_map(orphan).collect(), &mut found).await?;
        if listed < LISTED_AT_ONCE {
            return Ok(found);
        }
        sleep(PAUSE).await;
    }
}

/// The same with the volumes that the objects say they hold pages of, for a commit whose segment has lost its row. An
/// object that is no segment says nothing.
pub(super) async fn with_volumes(
    objects: &Arc<dyn ObjectStore>,
    orphans: &[Orphan],
) -> Result<Vec<Orphan>, RoundError> {
    let mut told = Vec::with_capacity(orphans.len());
    for orphan in orphans {
        let vids = match volumes_of(objects, orphan).await {
            Ok(vids) => vids,
            // Others remove it at the same time.
            Err(error) if error.is_not_found() => continue,
            Err(catgraft_objects::Error::Short { .. }) => Vec::new(),
            Err(error) => return Err(RoundError::Objects(error)),
        };
        told.push(Orphan { vids, ..orphan.clone() });
    }
    Ok(told)
}

async fn volumes_of(objects: &Arc<dyn ObjectStore>, orphan: &Orphan) -> Result<Vec<Bytes>, catgraft_objects::Error> {
    let Ok(sid) = SegmentId::try_from(orphan.sid.as_ref()) else { return Ok(Vec::new()) };
    let (key, len) = (ObjectKey::segment(sid), orphan.byte_len);
    let Some(footer_at) = len.checked_sub(FOOTER_LEN as u64) else { return Ok(Vec::new()) };
    let footer = objects.get_range(&key, footer_at..len).await?;
    let Ok(range) = Footer::decode(&footer, len).and_then(|summary| summary.index_range()) else {
        return Ok(Vec::new());
    };
    let tail = objects.get_range(&key, range.start..len).await?;
    let index = SegmentIndex::from_object_tail(&tail, len);
    let vid = |(vid, _): (VolumeId, PageSet)| Bytes::copy_from_slice(vid.as_bytes());
    Ok(index.map_or(Vec::new(), |index| index.volumes().map(vid).collect()))
}

/// Counts the objects that have rows, and keeps the others.
async fn look_up(metastore: &MetastoreClient, old: Vec<Orphan>, found: &mut Found) -> Result<(), RoundError> {
    if old.is_empty() {
        return Ok(());
    }
    let sids = old.iter().map(|object| Bytes::clone(&object.sid)).collect();
    let rows = metastore.read_segments(&ReadSegmentsRequest { sids }).await?.segments;
    let known: HashSet<Bytes> = rows.into_iter().map(|row| row.sid).collect();
    for object in old {
        if known.contains(&object.sid) {
            found.known += 1;
        } else {
            found.unknown += 1;
            if found.strays.len() < STRAYS_MAX {
                found.strays.push(object);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Found;

    #[test]
    fn a_catalog_that_does_not_know_most_objects_is_not_believed() {
        let found = |known, unknown| Found { known, unknown, strays: Vec::new() };
        for (known, unknown) in [(0, 0), (1, 1), (10, 3), (1_000_000, 1_000_000)] {
            assert!(found(known, unknown).is_plausible(), "{known} {unknown}");
        }
        for (known, unknown) in [(0, 1), (1, 2), (999_999, 1_000_000)] {
            assert!(!found(known, unknown).is_plausible(), "{known} {unknown}");
        }
    }
}
