//! Page sets: sets of page indexes, and their strict wire codec (splinter v1).
//!
//! A page set never holds index 0. Its wire form is unique: two sets are equal exactly when their bytes are,
//! and bytes that the encoder would not have written are refused.

mod block;
mod decode;
mod encode;
#[cfg(test)]
mod tests;
mod union;

use std::{fmt, ops::RangeInclusive};

use bytes::Bytes;
use roaring::RoaringBitmap;

pub use self::union::Union;

use self::block::Block;
use crate::page::PageIndex;

/// Why bytes are not a page set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Page indexes count from 1.
    #[error("the page set holds index 0: page indexes count from 1")]
    IndexZero,
    /// The set is larger than the caller takes.
    #[error("the page set holds more than {len_max} pages")]
    TooMany {
        /// Most pages that were asked for.
        len_max: u64,
    },
    /// There is no room for magic and footer.
    #[error("a page set has at least 8 bytes, this has {len}")]
    TooShort {
        /// Bytes given.
        len: usize,
    },
    /// The first four bytes are not a splinter's.
    #[error("a page set begins with bytes [da, ae, 12, df], this with {found:02x?}")]
    Magic {
        /// The bytes found.
        found: [u8; 4],
    },
    /// The last two bytes are not zero.
    #[error("a page set ends with two zero bytes, this with {found:02x?}")]
    Footer {
        /// The bytes found.
        found: [u8; 2],
    },
    /// The footer counts more entries than a map can have.
    #[error("a map of the page set has at most 256 entries, the footer says {found}")]
    Entries {
        /// The number in the footer.
        found: u16,
    },
    /// An index is longer than the bytes it should be in.
    #[error("an index of {len} entries takes {expected} bytes, the page set has {found} for it")]
    Index {
        /// Entries of the index.
        len: usize,
        /// Bytes it takes.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// An offset points outside of its map or into the value before.
    #[error("a value of the page set ends {offset} bytes before the end of its map, where {left} are left")]
    Offset {
        /// The offset found.
        offset: usize,
        /// Bytes that no earlier value has.
        left: usize,
    },
    /// A block has more or fewer bytes than its length asks for.
    #[error("a block of {len} values takes {expected} bytes, the page set has {found} for it")]
    BlockSize {
        /// Values in the block.
        len: usize,
        /// Bytes it takes.
        expected: usize,
        /// Bytes it has.
        found: usize,
    },
    /// A listed block is not in strictly ascending order.
    #[error("a block of the page set lists {before} before {after}: its values ascend")]
    Order {
        /// The value that comes first.
        before: u8,
        /// The value that follows it.
        after: u8,
    },
    /// A bitmap has more or fewer values than the index says.
    #[error("a bitmap of the page set holds {found} values, its index says {len}")]
    BitmapLen {
        /// Values it should have.
        len: usize,
        /// Values it has.
        found: usize,
    },
    /// Bytes belong to no value.
    #[error("the page set has {len} bytes that no index refers to")]
    Unreferenced {
        /// How many.
        len: usize,
    },
}

/// A set of page indexes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PageSet(RoaringBitmap);

impl PageSet {
    /// The set without pages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a page; false where it was there before.
    pub fn insert(&mut self, index: PageIndex) -> bool {
        self.0.insert(index.get())
    }

    /// Adds the pages from the start to the end of the range, both included.
    pub fn insert_range(&mut self, indexes: RangeInclusive<PageIndex>) {
        self.0.insert_range(indexes.start().get()..=indexes.end().get());
    }

    /// Is the page in the set?
    pub fn contains(&self, index: PageIndex) -> bool {
        self.0.contains(index.get())
    }

    /// Number of pages in the set.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Bytes of memory that the set takes, about.
    pub fn memory_len(&self) -> usize {
        size_of::<Self>() + self.0.serialized_size()
    }

    /// Is the set without pages?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Are all pages of this set in the other?
    pub fn is_subset(&self, other: &PageSet) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Adds every page of the other set.
    pub fn union_with(&mut self, other: &PageSet) {
        self.0 |= &other.0;
    }

    /// The pages that are in both sets.
    pub fn intersection(&self, other: &PageSet) -> PageSet {
        Self(&self.0 & &other.0)
    }

    /// The pages of this set that are not in the other.
    pub fn difference(&self, other: &PageSet) -> PageSet {
        Self(&self.0 - &other.0)
    }

    /// The pages in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = PageIndex> + '_ {
        self.0.iter().filter_map(PageIndex::new)
    }

    /// The smallest page of the set.
    pub fn first(&self) -> Option<PageIndex> {
        self.0.min().and_then(PageIndex::new)
    }

    /// The largest page of the set.
    pub fn last(&self) -> Option<PageIndex> {
        self.0.max().and_then(PageIndex::new)
    }

    /// Reads the wire form; at most `len_max` pages, anything else is refused without building it.
    pub fn decode(wire: &[u8], len_max: u64) -> Result<Self, DecodeError> {
        decode::blocks_of_pages(wire, len_max, |_, _| {})?;
        collect(wire).map(Self)
    }

    /// Reads the wire form as [`PageSet::decode`] does, and appends the pages in ascending order: for those who want each page
    /// once and no set of them. Where it fails, nothing is appended.
    pub fn decode_into(wire: &[u8], len_max: u64, pages: &mut Vec<PageIndex>) -> Result<(), DecodeError> {
        let len = pages.len();
        let outcome = decode::blocks_of_pages(wire, len_max, |first, block| {
            pages.extend(block.iter().filter_map(|value| PageIndex::new(first | u32::from(value))));
        });
        outcome.inspect_err(|_| pages.truncate(len))
    }

    /// The wire form, byte for byte what `splinter-rs` 0.1.2 writes.
    pub fn encode(&self) -> Bytes {
        encode::encode(&self.0)
    }
}

/// The numbers of a splinter, whatever and however many they are.
fn collect(wire: &[u8]) -> Result<RoaringBitmap, DecodeError> {
    let mut numbers = RoaringBitmap::new();
    decode::blocks(wire, |first, block| {
        append(&mut numbers, first, block);
        Ok(())
    })?;
    Ok(numbers)
}

/// Adds a block that comes after all numbers.
fn append(numbers: &mut RoaringBitmap, first: u32, block: Block) {
    if block.is_full() {
        numbers.insert_range(first..=first | 0xFF);
    } else {
        numbers.append(block.iter().map(|value| first | u32::from(value))).expect("blocks and values ascend");
    }
}

impl FromIterator<PageIndex> for PageSet {
    fn from_iter<I: IntoIterator<Item = PageIndex>>(indexes: I) -> Self {
        Self(indexes.into_iter().map(PageIndex::get).collect())
    }
}

/// For logs: the first ranges of the set, `{1, 5–9, …}`.
impl fmt::Display for PageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const RANGES_MAX: usize = 8;
        let mut indexes = self.0.iter();
        let ranges = std::iter::from_fn(|| indexes.next_range());
        f.write_str("{")?;
        for (position, range) in ranges.take(RANGES_MAX + 1).enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            match range.into_inner() {
                _ if position == RANGES_MAX => write!(f, "{comma}…")?,
                (first, last) if first == last => write!(f, "{comma}{first}")?,
                (first, last) => write!(f, "{comma}{first}–{last}")?,
            }
        }
        f.write_str("}")
    }
}
