//! The encoded values inside catalog rows: the list of a commit's segments, and page sets.
//!
//! What a row holds is not trusted: damage is a [`BlobError`] that the caller wraps with the row's name.

use bytes::Bytes;
use catgraft_core::{PageSet, PageSetUnion, SegmentId, limits::SEGMENT_PAGES_MAX};
use catgraft_proto::{
    InvalidMessage, SegmentPages, catgraft::internal::v1::SegmentList as Wire, graft::common::v1::SegmentInfo,
};
use prost::Message;

use super::error::BlobError;

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

    /// The encoded list, as pagestores are told it.
    pub fn encoded(&self) -> Bytes {
        self.0.clone()
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
        let mut pages = PageSetUnion::default();
        self.add_pages_to(&mut pages)?;
        Ok(pages.finish())
    }

    /// Adds all pages of the list.
    pub fn add_pages_to(&self, union: &mut PageSetUnion) -> Result<(), BlobError> {
        for SegmentInfo { sid, graft } in self.to_wire()? {
            let sid = SegmentId::try_from(sid.as_ref()).map(|_| ());
            sid.map_err(|source| BlobError::Segment(Box::new(InvalidMessage::Id { field: "sid", source })))?;
            union.add(&graft, SEGMENT_PAGES_MAX).map_err(BlobError::PageSet)?;
        }
        Ok(())
    }
}

/// The page set that a row of a segment holds.
pub(super) fn page_set_from_row(bytes: &[u8]) -> Result<PageSet, BlobError> {
    PageSet::decode(bytes, SEGMENT_PAGES_MAX).map_err(BlobError::PageSet)
}
