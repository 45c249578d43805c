//! What can be found, in one sentence for people and one object for programs.

use std::fmt;

use catgraft_core::{Lsn, SegmentId, VolumeId};
use catgraft_service::error::Chain;
use serde_json::{Value, json};

/// Something that is not as it should be.
#[derive(Debug)]
pub(super) enum Finding {
    /// A commit names a segment that the catalog does not know.
    SegmentUnknown { vid: VolumeId, lsn: Lsn, sid: SegmentId },
    /// A commit names pages that the segment does not hold of its volume.
    PagesNotHeld { vid: VolumeId, lsn: Lsn, sid: SegmentId },
    /// A log has a hole, or a commit that cannot be read.
    LogDamaged { vid: VolumeId, lsn: Lsn, reason: String },
    /// A segment that commits name has no object.
    ObjectMissing { sid: SegmentId },
    /// Its object has another length.
    ObjectLength { sid: SegmentId, expected: u64, found: u64 },
    /// Its object has another index, or one that cannot be read.
    IndexDamaged { sid: SegmentId, source: catgraft_segment::Error },
    /// A page in its object is not what was written.
    PageDamaged { sid: SegmentId, source: catgraft_segment::Error },
    /// No commit names the segment.
    OrphanSegment { sid: SegmentId, byte_len: u64 },
    /// The catalog does not know the object.
    OrphanObject { sid: SegmentId, byte_len: u64 },
}

impl Finding {
    /// Is it garbage, and no loss?
    pub(super) fn is_orphan(&self) -> bool {
        matches!(self, Self::OrphanSegment { .. } | Self::OrphanObject { .. })
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let (kind, sid, place) = match self {
            Self::SegmentUnknown { vid, lsn, sid } => ("segment_unknown", Some(sid), Some((vid, lsn))),
            Self::PagesNotHeld { vid, lsn, sid } => ("pages_not_held", Some(sid), Some((vid, lsn))),
            Self::LogDamaged { vid, lsn, .. } => ("log_damaged", None, Some((vid, lsn))),
            Self::ObjectMissing { sid } => ("object_missing", Some(sid), None),
            Self::ObjectLength { sid, .. } => ("object_length", Some(sid), None),
            Self::IndexDamaged { sid, .. } => ("index_damaged", Some(sid), None),
            Self::PageDamaged { sid, .. } => ("page_damaged", Some(sid), None),
            Self::OrphanSegment { sid, .. } => ("orphan_segment", Some(sid), None),
            Self::OrphanObject { sid, .. } => ("orphan_object", Some(sid), None),
        };
        json!({
            "finding": kind,
            "sid": sid.map(ToString::to_string),
            "vid": place.map(|(vid, _)| vid.to_string()),
            "lsn": place.map(|(_, lsn)| lsn.get()),
            "message": self.to_string(),
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SegmentUnknown { vid, lsn, sid } => {
                write!(f, "dangling: LSN {lsn} of volume {vid} names segment {sid}, which the catalog does not have")
            }
            Self::PagesNotHeld { vid, lsn, sid } => {
                write!(f, "dangling: LSN {lsn} of volume {vid} names pages that segment {sid} does not hold")
            }
            Self::LogDamaged { vid, lsn, reason } => {
                write!(f, "damaged: the log of volume {vid} at LSN {lsn}: {reason}")
            }
            Self::ObjectMissing { sid } => write!(f, "missing: segment {sid} is not in the store"),
            Self::ObjectLength { sid, expected, found } => {
                write!(f, "damaged: segment {sid} has {found} bytes in the store, and {expected} in the catalog")
            }
            Self::IndexDamaged { sid, source } | Self::PageDamaged { sid, source } => {
                write!(f, "damaged: segment {sid}: {}", Chain(source))
            }
            Self::OrphanSegment { sid, byte_len } => {
                write!(f, "orphan: no commit names segment {sid} of {byte_len} bytes")
            }
            Self::OrphanObject { sid, byte_len } => {
                write!(
                    f,
                    "orphan: the catalog does not have segment {sid}, which is in the store with {byte_len} bytes"
                )
            }
        }
    }
}
