//! Blocks: sets of byte values, the leaves of a splinter and the keys of its indexes.
//!
//! A block's wire form depends on its length alone: up to 31 values are listed in ascending order, 256
//! values take no bytes at all, and anything between is a bitmap of 32 bytes with the lowest value in
//! the lowest bit of the first byte. How long a block is stands elsewhere, so `read` is told.

use super::DecodeError;

/// Bytes of a bitmap.
const BITMAP_LEN: usize = 32;
/// Values in a block that has them all.
const FULL_LEN: usize = 256;

/// A set of byte values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Block([u64; 4]);

impl Block {
    const FULL: Block = Block([u64::MAX; 4]);

    /// Bytes that a block of `len` values takes on the wire.
    pub(super) const fn wire_len(len: usize) -> usize {
        match len {
            FULL_LEN => 0,
            ..BITMAP_LEN => len,
            _ => BITMAP_LEN,
        }
    }

    /// Reads a block of `len` values out of exactly the bytes that are its own.
    pub(super) fn read(wire: &[u8], len: usize) -> Result<Self, DecodeError> {
        let expected = Self::wire_len(len);
        if wire.len() != expected {
            return Err(DecodeError::BlockSize { len, expected, found: wire.len() });
        }
        if len == FULL_LEN {
            return Ok(Self::FULL);
        }
        if len < BITMAP_LEN { Self::read_list(wire) } else { Self::read_bitmap(wire, len) }
    }

    fn read_list(wire: &[u8]) -> Result<Self, DecodeError> {
        if let Some(pair) = wire.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(DecodeError::Order { before: pair[0], after: pair[1] });
        }
        let mut block = Self::default();
        wire.iter().for_each(|&value| block.insert(value));
        Ok(block)
    }

    fn read_bitmap(wire: &[u8], len: usize) -> Result<Self, DecodeError> {
        let mut block = Self::default();
        let (words, _) = wire.as_chunks();
        for (word, bytes) in block.0.iter_mut().zip(words) {
            *word = u64::from_le_bytes(*bytes);
        }
        match block.len() {
            found if found == len => Ok(block),
            found => Err(DecodeError::BitmapLen { len, found }),
        }
    }

    /// Appends the wire form.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self.len() {
            FULL_LEN => {}
            ..BITMAP_LEN => out.extend(self.iter()),
            _ => self.0.iter().for_each(|word| out.extend(word.to_le_bytes())),
        }
    }

    /// Adds one value.
    pub(super) fn insert(&mut self, value: u8) {
        self.0[usize::from(value >> 6)] |= 1 << (value & 63);
    }

    /// Adds the values from `first` to `last`, both included.
    pub(super) fn insert_range(&mut self, first: u8, last: u8) {
        if (first, last) == (0, u8::MAX) {
            *self = Self::FULL;
        } else {
            (first..=last).for_each(|value| self.insert(value));
        }
    }

    /// Adds the values of another block.
    pub(super) fn union_with(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, new)| *word |= new);
    }

    /// Is the value in the block?
    pub(super) fn contains(&self, value: u8) -> bool {
        self.0[usize::from(value >> 6)] & (1 << (value & 63)) != 0
    }

    /// Number of values, 0 to 256.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Are all 256 values in the block?
    pub(super) fn is_full(&self) -> bool {
        *self == Self::FULL
    }

    /// The values in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        let mut words = self.0;
        let mut at = 0;
        std::iter::from_fn(move || {
            while words.get(at)? == &0 {
                at += 1;
            }
            let bit = words[at].trailing_zeros() as usize;
            words[at] &= words[at] - 1;
            Some((at * 64 + bit) as u8)
        })
    }
}
