//! A run: versions that have left memory, as sorted blocks in the index file, with one entry a block in memory.
//!
//! A block is 4096 bytes: up to 146 versions of 28 bytes (page index and LSN in big-endian, segment id; zeros for a page that
//! was cut off) in the order of page and LSN, and the first 8 bytes of the BLAKE3 hash of what comes before it. A version is
//! found with one read of a block. Nobody but this process reads them.
//!
//! What makes a run, merges runs or looks for pages reads or writes the file, and belongs on a thread that may wait.

use std::{
    io,
    iter::{self, Peekable},
};

use catgraft_core::{Lsn, PageIndex, SegmentId};

use super::{
    file::{CHUNK_LEN, Chunks, IndexFile},
    versions::{Entry, Found, Lows},
};

const BLOCK_LEN: usize = 4096;
const ENTRY_LEN: usize = 4 + 8 + SEGMENT_LEN;
const SEGMENT_LEN: usize = 16;
/// Of a page that was cut off; an id begins with another byte.
const NO_SEGMENT: [u8; SEGMENT_LEN] = [0; SEGMENT_LEN];
const HASH_LEN: usize = 8;
/// Versions of a block.
const BLOCK_ENTRIES: usize = (BLOCK_LEN - HASH_LEN) / ENTRY_LEN;

const _: () = assert!(CHUNK_LEN.is_multiple_of(BLOCK_LEN), "no block lies in two chunks");

/// Versions in the file.
#[derive(Debug)]
pub(crate) struct Run {
    chunks: Chunks,
    /// The first version of every block.
    firsts: Vec<(PageIndex, Lsn)>,
    len: u64,
    lows: Lows,
}

impl Run {
    /// Writes versions, which come in the order of page and LSN.
    pub(crate) fn write(
        file: &IndexFile,
        entries: impl Iterator<Item = io::Result<Entry>>,
        lows: Lows,
    ) -> io::Result<Self> {
        let mut run = Self { chunks: file.chunks()?, firsts: Vec::new(), len: 0, lows };
        // Whole blocks, and the one that is being filled.
        let mut chunk = Vec::with_capacity(CHUNK_LEN);
        let mut begin = 0;
        for entry in entries {
            let entry = entry?;
            if chunk.len() == begin {
                run.firsts.push((entry.page, entry.lsn));
            }
            chunk.extend_from_slice(&entry.page.get().to_be_bytes());
            chunk.extend_from_slice(&entry.lsn.get().to_be_bytes());
            chunk.extend_from_slice(&entry.segment.map_or(NO_SEGMENT, |sid| *sid.as_bytes()));
            run.len += 1;
            if chunk.len() - begin == BLOCK_ENTRIES * ENTRY_LEN {
                end_block(&mut chunk, &mut begin);
                if begin == CHUNK_LEN {
                    run.chunks.push(&chunk)?;
                    chunk.clear();
                    begin = 0;
                }
            }
        }
        if chunk.len() > begin {
            end_block(&mut chunk, &mut begin);
        }
        if !chunk.is_empty() {
            run.chunks.push(&chunk)?;
        }
        run.firsts.shrink_to_fit();
        Ok(run)
    }

    /// Versions of both, as one: `self` are of the commits before `later`.
    pub(crate) fn merged_with(&self, later: &Self, file: &IndexFile) -> io::Result<Self> {
        let entries = joined(self.entries(), later.entries(), &later.lows);
        Self::write(file, entries, self.lows.clone().followed_by(&later.lows))
    }

    /// How many versions there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_len(&self) -> usize {
        size_of::<Self>()
            + self.firsts.capacity() * size_of::<(PageIndex, Lsn)>()
            + self.chunks.memory_len()
            + self.lows.memory_len()
    }

    /// A way to look for pages, which keeps the last block: those of ascending pages are read once.
    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder { run: self, block: None }
    }

    /// Puts another byte into the first block.
    #[cfg(test)]
    pub(super) fn damage(&self) {
        self.chunks.damage(20);
    }

    fn read_block(&self, number: usize) -> io::Result<Block> {
        let mut bytes = Box::new([0; BLOCK_LEN]);
        self.chunks.read_exact_at(&mut *bytes, number * BLOCK_LEN)?;
        let (entries, written) = bytes.split_at(BLOCK_LEN - HASH_LEN);
        if hash(entries) != *written {
            return Err(damaged(number));
        }
        let left = self.len - (number * BLOCK_ENTRIES) as u64;
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_ENTRIES);
        Ok(Block { number, len, bytes })
    }

    fn entries(&self) -> impl Iterator<Item = io::Result<Entry>> {
        (0..self.firsts.len()).flat_map(|number| {
            let (block, error) = match self.read_block(number) {
                Ok(block) => (Some(block), None),
                Err(error) => (None, Some(Err(error))),
            };
            let entries = block.into_iter().flat_map(|block| (0..block.len).map(move |at| block.entry(at)));
            entries.chain(error)
        })
    }
}

/// Fills the last block with zeros and puts its hash behind them.
fn end_block(chunk: &mut Vec<u8>, begin: &mut usize) {
    chunk.resize(*begin + BLOCK_LEN - HASH_LEN, 0);
    let hash = hash(&chunk[*begin..]);
    chunk.extend_from_slice(&hash);
    *begin = chunk.len();
}

fn hash(entries: &[u8]) -> [u8; HASH_LEN] {
    *blake3::hash(entries).as_bytes().first_chunk().expect("a hash has 32 bytes")
}

fn damaged(block: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("block {block} is not what was written"))
}

/// A block that was read and is what was written.
#[derive(Debug)]
struct Block {
    number: usize,
    len: usize,
    bytes: Box<[u8; BLOCK_LEN]>,
}

impl Block {
    fn entry(&self, at: usize) -> io::Result<Entry> {
        let (page, rest) = self.bytes[at * ENTRY_LEN..].split_first_chunk().expect("a block holds its entries");
        let (lsn, rest) = rest.split_first_chunk().expect("a block holds its entries");
        let segment = &rest[..SEGMENT_LEN];
        let page = PageIndex::new(u32::from_be_bytes(*page)).ok_or_else(|| damaged(self.number))?;
        let lsn = Lsn::new(u64::from_be_bytes(*lsn)).ok_or_else(|| damaged(self.number))?;
        let segment = (*segment != NO_SEGMENT).then(|| SegmentId::try_from(segment)).transpose();
        let segment = segment.map_err(|_| damaged(self.number))?;
        Ok(Entry { page, lsn, segment })
    }

    /// The last version up to this place.
    fn last_up_to(&self, place: (PageIndex, Lsn)) -> io::Result<Option<Entry>> {
        let (mut from, mut to) = (0, self.len);
        let mut found = None;
        while from < to {
            let middle = from.midpoint(to);
            let entry = self.entry(middle)?;
            if (entry.page, entry.lsn) <= place {
                (found, from) = (Some(entry), middle + 1);
            } else {
                to = middle;
            }
        }
        Ok(found)
    }
}

/// Looks for pages.
#[derive(Debug)]
pub(crate) struct Finder<'a> {
    run: &'a Run,
    block: Option<Block>,
}

impl Finder<'_> {
    /// What is known of a page as it was at an LSN.
    pub(crate) fn find(&mut self, page: PageIndex, lsn: Lsn) -> io::Result<Found> {
        let after = self.run.firsts.partition_point(|first| *first <= (page, lsn));
        let Some(number) = after.checked_sub(1) else { return Ok(self.run.lows.of_unwritten(page, lsn)) };
        let block = match self.block.take() {
            Some(block) if block.number == number => block,
            _ => self.run.read_block(number)?,
        };
        let found = block.last_up_to((page, lsn))?.filter(|entry| entry.page == page);
        self.block = Some(block);
        Ok(match found {
            Some(entry) => entry.segment.map_or(Found::Nothing, Found::Segment),
            None => self.run.lows.of_unwritten(page, lsn),
        })
    }
}

/// Two orders as one; where both have an error, that of the first.
pub(crate) fn merged(
    a: impl Iterator<Item = io::Result<Entry>>,
    b: impl Iterator<Item = io::Result<Entry>>,
) -> impl Iterator<Item = io::Result<Entry>> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    iter::from_fn(move || if place(&mut b) < place(&mut a) { b.next() } else { a.next().or_else(|| b.next()) })
}

/// Where the next version lies: an error before all of them, the end behind them.
fn place(entries: &mut Peekable<impl Iterator<Item = io::Result<Entry>>>) -> (u8, Option<(PageIndex, Lsn)>) {
    match entries.peek() {
        Some(Ok(entry)) => (1, Some((entry.page, entry.lsn))),
        Some(Err(_)) => (0, None),
        None => (2, None),
    }
}

/// The versions of earlier and of later commits as one order. A page that the later commits cut off without ever having
/// written it has no mark of that among theirs, and gets it here.
fn joined(
    earlier: impl Iterator<Item = io::Result<Entry>>,
    later: impl Iterator<Item = io::Result<Entry>>,
    lows: &Lows,
) -> impl Iterator<Item = io::Result<Entry>> {
    let (mut earlier, mut later) = (earlier.peekable(), later.peekable());
    // The mark that is due before anything else.
    let mut mark = None;
    iter::from_fn(move || {
        if mark.is_some() {
            return mark.take().map(Ok);
        }
        if place(&mut later) < place(&mut earlier) {
            return later.next();
        }
        let entry = match earlier.next()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        let is_last = !matches!(earlier.peek(), Some(Ok(next)) if next.page == entry.page);
        if is_last
            && entry.segment.is_some()
            && let Some(lsn) = lows.cut(entry.page)
        {
            let comes_first = matches!(later.peek(), Some(Ok(next)) if next.page == entry.page && next.lsn <= lsn);
            mark = (!comes_first).then_some(Entry { page: entry.page, lsn, segment: None });
        }
        Some(Ok(entry))
    })
}
