//! Runs that are ready for a segment: compressed and hashed, wherever in it they will lie.
//!
//! That is nearly all the work that a segment takes. So it can be done before it is known which segment it will be, while the
//! pages are still in the processor's cache.

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, PageIndex, PageSet, VolumeId};

use crate::{
    builder::PushError,
    compress::{Compression, Compressor, Patience},
    format::{Codec, SEGMENT_PAGES_MAX, page_hash},
    index::Entry,
    pages_area::PagesArea,
};

/// Pages of one volume, as a segment stores them.
#[derive(Debug, Clone)]
pub struct PackedRun {
    pub(crate) vid: VolumeId,
    pub(crate) pages: PageSet,
    /// In the order of the run, with offsets from its beginning.
    pub(crate) entries: Vec<Entry>,
    pub(crate) payloads: Vec<Bytes>,
}

impl PackedRun {
    /// Packs pages that lie behind one another in `data`: the first 4096 bytes are the page `indexes[0]`, and so on. The
    /// indexes may be in any order. What is raw is not copied, as far as that pays.
    ///
    /// # Errors
    /// [`PushError::RunLength`]; [`PushError::Full`] where no segment has room for it; [`PushError::Duplicate`] where it has a
    /// page twice.
    pub fn pack(
        compression: Compression,
        vid: VolumeId,
        indexes: &[PageIndex],
        data: &Bytes,
    ) -> Result<Self, PushError> {
        if data.len() != indexes.len().saturating_mul(PAGE_SIZE) {
            return Err(PushError::RunLength { pages: indexes.len(), len: data.len() });
        }
        if indexes.len() > SEGMENT_PAGES_MAX {
            return Err(PushError::Full { pages: indexes.len(), held: 0 });
        }
        let mut pages = PageSet::new();
        if let Some(twice) = indexes.iter().find(|index| !pages.insert(**index)) {
            return Err(PushError::Duplicate { vid, index: *twice });
        }
        let (entries, payloads) = pack_pages(compression, vid, indexes, data);
        Ok(Self { vid, pages, entries, payloads })
    }
}

fn pack_pages(
    compression: Compression,
    vid: VolumeId,
    indexes: &[PageIndex],
    data: &Bytes,
) -> (Vec<Entry>, Vec<Bytes>) {
    let mut compressor = match compression {
        Compression::None => None,
        Compression::Lz4 => Some(Compressor::new()),
    };
    let (mut area, mut patience) = (PagesArea::for_bytes(data.len()), Patience::default());
    let mut entries = Vec::with_capacity(indexes.len());
    let mut offset = 0;
    // Raw pages wait here until it is known how many there are in a row.
    let mut raw = 0..0;
    for (index, page) in indexes.iter().zip(data.chunks_exact(PAGE_SIZE)) {
        let compressor = compressor.as_mut().filter(|_| patience.tries_next());
        let compressed = compressor.and_then(|compressor| compressor.compress(page));
        patience.note(compressed.is_some());
        let (codec, payload) = match compressed {
            Some(payload) => {
                area.push_raw(data, raw.clone());
                area.push_copy(payload);
                raw = raw.end + 1..raw.end + 1;
                (Codec::Lz4, payload)
            }
            None => {
                raw.end += 1;
                (Codec::Raw, page)
            }
        };
        let hash = page_hash(vid, *index, payload);
        let len = u16::try_from(payload.len()).expect("a payload is no longer than a page");
        entries.push(Entry { index: *index, offset, len, codec, hash });
        offset += u32::from(len);
    }
    area.push_raw(data, raw);
    (entries, area.finish())
}
