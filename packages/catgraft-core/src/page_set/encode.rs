//! Writing splinter v1: the one encoding of every set, byte for byte what `splinter-rs` 0.1.2 writes. The
//! layout is pictured in [`super::decode`].

use bytes::Bytes;
use roaring::RoaringBitmap;

use super::{
    block::Block,
    decode::{MAGIC, OFFSET_LEN, OFFSET_LEN_LOWEST},
};

/// The wire form of a set of numbers.
pub(super) fn encode(numbers: &RoaringBitmap) -> Bytes {
    let mut writer = Writer { out: MAGIC.to_vec(), ..Writer::default() };
    let mut ranges = numbers.iter();
    while let Some(range) = ranges.next_range() {
        let (first, last) = range.into_inner();
        for prefix in first >> 8..=last >> 8 {
            writer.enter(prefix);
            writer.block.insert_range(first.max(prefix << 8) as u8, last.min(prefix << 8 | 0xFF) as u8);
        }
    }
    writer.finish()
}

/// The index of a map whose values are being written.
#[derive(Default)]
struct Index {
    keys: Block,
    lens: Vec<u8>,
    /// Where each value ends in the output.
    ends: Vec<usize>,
}

impl Index {
    fn add(&mut self, key: u8, len: usize, end: usize) {
        self.keys.insert(key);
        self.lens.push(u8::try_from(len - 1).expect("a value has 1 to 256 entries"));
        self.ends.push(end);
    }

    /// Appends the index, gives back how many entries it had, and starts over.
    fn write<const OFFSET: usize>(&mut self, out: &mut Vec<u8>) -> usize {
        let values_end = out.len();
        self.keys.write(out);
        out.append(&mut self.lens);
        let entries = self.ends.len();
        for end in self.ends.drain(..) {
            // The largest lowest map has 8 KiB of values, the largest splinter of all less than 4 GiB.
            out.extend_from_slice(&((values_end - end) as u64).to_le_bytes()[..OFFSET]);
        }
        self.keys = Block::default();
        entries
    }
}

/// Is filled block after block in ascending order, and closes every block and map that is left.
#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    top: Index,
    middle: Index,
    lowest: Index,
    /// The open block; without values nothing is open.
    block: Block,
    /// The upper three bytes of its numbers.
    prefix: u32,
}

impl Writer {
    /// Goes to the block with this prefix.
    fn enter(&mut self, prefix: u32) {
        self.close(self.prefix ^ prefix);
        self.prefix = prefix;
    }

    /// Closes what the changed bits of the prefix leave.
    fn close(&mut self, changed: u32) {
        let [_, a, b, c] = self.prefix.to_be_bytes();
        let len = self.block.len();
        if changed == 0 || len == 0 {
            return;
        }
        self.block.write(&mut self.out);
        self.block = Block::default();
        self.lowest.add(c, len, self.out.len());
        if changed >> 8 != 0 {
            let len = self.lowest.write::<OFFSET_LEN_LOWEST>(&mut self.out);
            self.middle.add(b, len, self.out.len());
        }
        if changed >> 16 != 0 {
            let len = self.middle.write::<OFFSET_LEN>(&mut self.out);
            self.top.add(a, len, self.out.len());
        }
    }

    fn finish(mut self) -> Bytes {
        self.close(u32::MAX);
        let entries = self.top.write::<OFFSET_LEN>(&mut self.out);
        self.out.extend_from_slice(&(entries as u32).to_le_bytes());
        self.out.into()
    }
}
