//! Reading splinter v1, strictly: exactly what the encoder writes is taken, everything else is an error.
//!
//! ```text
//! splinter  magic DA AE 12 DF · map of a · number of entries in it (u16) · two zero bytes
//! map       its values, one after the other · its index
//! index     keys (a block) · length − 1 of every value (u8) · distance of every value's end from the
//!           end of the last value (little-endian, u32; u16 in the lowest map)
//! ```
//!
//! A number `abcd` (big-endian bytes) is the value d of a block in the map of c, in the map of b, in the
//! map of a. Every map and block is handed exactly the bytes between the end of the value before it and its
//! own end, and must use them up: so no byte is read twice or not at all, and bytes and sets
//! correspond one to one. Nothing here allocates.

use super::{DecodeError, block::Block};

/// What every splinter begins with.
pub(super) const MAGIC: [u8; 4] = [0xDA, 0xAE, 0x12, 0xDF];
/// Bytes of an offset in the upper two maps.
pub(super) const OFFSET_LEN: usize = 4;
/// Bytes of an offset in the lowest map, the one of blocks.
pub(super) const OFFSET_LEN_LOWEST: usize = 2;
/// Most entries of a map: one for every byte value.
const ENTRIES_MAX: u16 = 256;

/// Shows `visit` every block of a splinter in ascending order, each with its first number. What was
/// visited before an error says nothing.
pub(super) fn blocks(
    wire: &[u8],
    mut visit: impl FnMut(u32, Block) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let too_short = DecodeError::TooShort { len: wire.len() };
    let (magic, rest) = wire.split_first_chunk().ok_or(too_short.clone())?;
    let (values, &[low, high, unused @ ..]) = rest.split_last_chunk::<4>().ok_or(too_short)?;
    if *magic != MAGIC {
        return Err(DecodeError::Magic { found: *magic });
    }
    if unused != [0, 0] {
        return Err(DecodeError::Footer { found: unused });
    }
    let entries = u16::from_le_bytes([low, high]);
    if entries > ENTRIES_MAX {
        return Err(DecodeError::Entries { found: entries });
    }
    map::<OFFSET_LEN>(values, entries.into(), |a, wire, len| {
        map::<OFFSET_LEN>(wire, len, |b, wire, len| {
            map::<OFFSET_LEN_LOWEST>(wire, len, |c, wire, len| {
                visit(u32::from_be_bytes([a, b, c, 0]), Block::read(wire, len)?)
            })
        })
    })
}

/// Shows `visit` every block of a page set, which is a splinter without index 0: at most `len_max` pages, also where it is
/// refused in the end.
pub(super) fn blocks_of_pages(wire: &[u8], len_max: u64, mut visit: impl FnMut(u32, Block)) -> Result<(), DecodeError> {
    let mut len = 0;
    blocks(wire, |first, block| {
        if first == 0 && block.contains(0) {
            return Err(DecodeError::IndexZero);
        }
        len += block.len() as u64;
        if len > len_max {
            return Err(DecodeError::TooMany { len_max });
        }
        visit(first, block);
        Ok(())
    })
}

/// Shows `visit` the key, the bytes and the length of every value of a map with `len` entries.
fn map<const OFFSET: usize>(
    wire: &[u8],
    len: usize,
    mut visit: impl FnMut(u8, &[u8], usize) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let keys_len = Block::wire_len(len);
    let index_len = keys_len + len + len * OFFSET;
    let values_len =
        wire.len().checked_sub(index_len).ok_or(DecodeError::Index { len, expected: index_len, found: wire.len() })?;
    let (values, index) = wire.split_at(values_len);
    let (keys, index) = index.split_at(keys_len);
    let (lens, offsets) = index.split_at(len);
    let (offsets, _) = offsets.as_chunks::<OFFSET>();

    let mut start = 0;
    for ((key, &len), offset) in Block::read(keys, len)?.iter().zip(lens).zip(offsets) {
        let offset = offset.iter().rfold(0, |number, &byte| number << 8 | usize::from(byte));
        let value = values_len.checked_sub(offset).and_then(|end| values.get(start..end));
        let value = value.ok_or(DecodeError::Offset { offset, left: values_len - start })?;
        visit(key, value, usize::from(len) + 1)?;
        start += value.len();
    }
    match values_len - start {
        0 => Ok(()),
        len => Err(DecodeError::Unreferenced { len }),
    }
}
