//! The name of a page version in the cache.

use catgraft_core::{PageIndex, SegmentId, VolumeId};
use foyer::Code;

const LEN: usize = 16 + 16 + 4;

/// A page of a volume, as one segment holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PageKey([u8; LEN]);

impl PageKey {
    pub(super) fn new(sid: SegmentId, vid: VolumeId, index: PageIndex) -> Self {
        let mut key = [0; LEN];
        key[..16].copy_from_slice(sid.as_bytes());
        key[16..32].copy_from_slice(vid.as_bytes());
        key[32..].copy_from_slice(&index.get().to_be_bytes());
        Self(key)
    }
}

impl Code for PageKey {
    fn encode(&self, writer: &mut impl std::io::Write) -> foyer::Result<()> {
        writer.write_all(&self.0).map_err(foyer::Error::io_error)
    }

    fn decode(reader: &mut impl std::io::Read) -> foyer::Result<Self> {
        let mut key = [0; LEN];
        reader.read_exact(&mut key).map_err(foyer::Error::io_error)?;
        Ok(Self(key))
    }

    fn estimated_size(&self) -> usize {
        LEN
    }
}
