//! Reading an index whose hash was right. Nothing of it is believed all the same: a footer that was forged with its
//! index has a right hash too.

use catgraft_core::{PageIndex, VolumeId};

use super::{Entry, Volume};
use crate::{
    error::Error,
    format::{Codec, ENTRY_LEN, SEGMENT_PAGES_MAX, take},
};

/// The volumes of an index, checked for everything but where their payloads lie.
pub(super) fn read_volumes(mut bytes: &[u8]) -> Result<Vec<Volume>, Error> {
    let mut volumes: Vec<Volume> = Vec::new();
    let mut pages = 0;
    while !bytes.is_empty() {
        let position = volumes.len();
        let volume = read_volume(&mut bytes, position)?;
        if volumes.last().is_some_and(|before| before.vid >= volume.vid) {
            return Err(Error::VolumeOrder { vid: volume.vid });
        }
        pages += volume.entries.len();
        if pages > SEGMENT_PAGES_MAX {
            return Err(Error::TooManyPages);
        }
        volumes.push(volume);
    }
    Ok(volumes)
}

fn read_volume(bytes: &mut &[u8], position: usize) -> Result<Volume, Error> {
    let early = || Error::IndexEndsEarly { position };
    let vid: [u8; 16] = take(bytes).ok_or_else(early)?;
    let vid = VolumeId::try_from(vid.as_slice()).map_err(|source| Error::Volume { position, source })?;
    let count = u32::from_le_bytes(take(bytes).ok_or_else(early)?) as usize;
    if count == 0 {
        return Err(Error::VolumeEmpty { vid });
    }
    if count > bytes.len() / ENTRY_LEN {
        return Err(early());
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(count);
    for _ in 0..count {
        let entry: [u8; ENTRY_LEN] = take(bytes).ok_or_else(early)?;
        let entry = read_entry(vid, &entry)?;
        if entries.last().is_some_and(|before| before.index >= entry.index) {
            return Err(Error::PageOrder { vid, index: entry.index });
        }
        entries.push(entry);
    }
    Ok(Volume { vid, entries: entries.into() })
}

fn read_entry(vid: VolumeId, entry: &[u8; ENTRY_LEN]) -> Result<Entry, Error> {
    let [i0, i1, i2, i3, o0, o1, o2, o3, l0, l1, codec, reserved, hash @ ..] = *entry;
    let index = PageIndex::new(u32::from_le_bytes([i0, i1, i2, i3])).ok_or(Error::PageZero { vid })?;
    let codec = Codec::from_byte(codec).ok_or(Error::Codec { vid, index, found: codec })?;
    if reserved != 0 {
        return Err(Error::EntryReserved { vid, index });
    }
    let offset = u32::from_le_bytes([o0, o1, o2, o3]);
    let len = u16::from_le_bytes([l0, l1]);
    let entry = Entry { index, offset, len, codec, hash };
    if !entry.location().has_possible_len() {
        return Err(Error::EntryLength { vid, index, len: len.into() });
    }
    Ok(entry)
}

/// The payloads fill the pages area: each of its bytes belongs to exactly one page.
pub(super) fn check_payloads(volumes: &[Volume], pages_len: u64) -> Result<(), Error> {
    let mut payloads = Vec::new();
    for Volume { vid, entries } in volumes {
        for entry in entries {
            let (index, range) = (entry.index, entry.location().range());
            if range.end > pages_len {
                return Err(Error::PageOutside { vid: *vid, index });
            }
            payloads.push((range.start, range.end, *vid, index));
        }
    }
    payloads.sort_unstable_by_key(|(start, ..)| *start);
    let mut filled = 0;
    for (start, end, vid, index) in payloads {
        if start < filled {
            return Err(Error::PageOverlap { vid, index });
        }
        if start > filled {
            return Err(Error::PagesGap { offset: filled });
        }
        filled = end;
    }
    if filled < pages_len {
        return Err(Error::PagesGap { offset: filled });
    }
    Ok(())
}
