//! The union of a great many page sets, straight from their wire forms.
//!
//! United one by one, every small set costs a copy of the large one. Here a block of a set costs four words: pages are gathered
//! in bitmaps of 65,536, and a set is made of them now and then, so that memory is bounded however far the pages lie apart.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::{DecodeError, PageSet, append, block::Block, decode};

/// Blocks of a bitmap.
const BITMAP_BLOCKS: u32 = 256;
/// Most bitmaps, of 8 KiB each, before a set is made of them.
pub(super) const BITMAPS_MAX: usize = 64;

type Bitmap = Box<[Block; BITMAP_BLOCKS as usize]>;

/// A union that is being made.
#[derive(Debug, Default)]
pub struct Union {
    set: RoaringBitmap,
    /// By the upper half of their pages.
    bitmaps: BTreeMap<u32, Bitmap>,
}

impl Union {
    /// Adds a page set in its wire form, which is refused as [`PageSet::decode`] does; then it may be added in part.
    pub fn add(&mut self, wire: &[u8], len_max: u64) -> Result<(), DecodeError> {
        decode::blocks_of_pages(wire, len_max, |first, block| self.add_block(first >> 8, block))
    }

    /// All pages that were added.
    pub fn finish(mut self) -> PageSet {
        self.empty_bitmaps();
        PageSet(self.set)
    }

    /// How many bitmaps there are.
    #[cfg(test)]
    pub(super) fn bitmaps(&self) -> usize {
        self.bitmaps.len()
    }

    fn add_block(&mut self, number: u32, block: Block) {
        let bitmap = number / BITMAP_BLOCKS;
        if self.bitmaps.len() == BITMAPS_MAX && !self.bitmaps.contains_key(&bitmap) {
            self.empty_bitmaps();
        }
        let blocks = self.bitmaps.entry(bitmap).or_insert_with(|| Box::new([Block::default(); _]));
        blocks[(number % BITMAP_BLOCKS) as usize].union_with(block);
    }

    fn empty_bitmaps(&mut self) {
        let mut numbers = RoaringBitmap::new();
        while let Some((bitmap, blocks)) = self.bitmaps.pop_first() {
            for (number, block) in (bitmap * BITMAP_BLOCKS..).zip(*blocks) {
                append(&mut numbers, number << 8, block);
            }
        }
        self.set |= numbers;
    }
}
