//! The encoded values inside catalog rows: the list of a commit's segments, and page sets.
//!
//! What a row holds is not trusted: damage is a [`BlobError`] that the caller wraps with the row's name.

use bytes::Bytes;
use catgraft_core::{PageSet, limits::SEGMENT_PAGES_MAX};
use catgraft_proto::{SegmentPages, graft::common::v1::SegmentInfo};
use prost::Message;

use super::error::BlobError;

/// The list as protobuf has it.
#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(message, repeated, tag = "1")]
    segments: Vec<SegmentInfo>,
}

/// The segments of a commit in commit order, encoded as they are stored. Most readers pass them on, so they are
/// decoded only where someone looks inside.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentList(Bytes);

impl SegmentList {
    /// Encodes a list.
    pub fn encode(segments: &[SegmentPages]) -> Self {
        Self(Wire { segments: segments.iter().map(SegmentPages::to_wire).collect() }.encode_to_vec().into())
    }

    /// The list that a row holds.
    pub(super) fn from_row(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// What a row holds for this list.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Length of the encoded list, which is what it takes in an answer, too.
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// The list as wire messages, whose page sets are not looked at.
    pub fn to_wire(&self) -> Result<Vec<SegmentInfo>, BlobError> {
        Wire::decode(self.0.clone()).map(|wire| wire.segments).map_err(BlobError::List)
    }

    /// The list itself.
    pub fn decode(&self) -> Result<Vec<SegmentPages>, BlobError> {
        self.to_wire()?
            .into_iter()
            .map(|info| info.try_into().map_err(|source| BlobError::Segment(Box::new(source))))
            .collect()
    }

    /// All pages of the list.
    pub fn pages(&self) -> Result<PageSet, BlobError> {
        let mut pages = PageSet::new();
        for segment in self.decode()? {
            pages.union_with(&segment.pages);
        }
        Ok(pages)
    }
}

/// The page set that a row of a segment holds.
pub(super) fn page_set_from_row(bytes: &[u8]) -> Result<PageSet, BlobError> {
    PageSet::decode(bytes, SEGMENT_PAGES_MAX).map_err(BlobError::PageSet)
}
