//! Versions that have left memory: sorted blocks in a file that has no name, with one entry a block in memory.
//!
//! A block is 4096 bytes: up to 146 versions of 28 bytes (page index and LSN in big-endian, segment id; zeros for a page that
//! was cut off) in the order of page and LSN, and the first 8 bytes of the BLAKE3 hash of what comes before it. A version is found with one
//! read of a block. The file is gone when it is closed, so nothing of it outlives the process, and nobody else reads it.
//!
//! Everything here reads or writes a file, and belongs on a thread that may wait.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    iter::{self, Peekable},
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use catgraft_core::{Lsn, PageIndex, SegmentId};

use super::versions::{Entry, Found, Lows};

const BLOCK_LEN: usize = 4096;
const ENTRY_LEN: usize = 4 + 8 + SEGMENT_LEN;
const SEGMENT_LEN: usize = 16;
/// Of a page that was cut off; an id begins with another byte.
const NO_SEGMENT: [u8; SEGMENT_LEN] = [0; SEGMENT_LEN];
const HASH_LEN: usize = 8;
/// Versions of a block.
const BLOCK_ENTRIES: usize = (BLOCK_LEN - HASH_LEN) / ENTRY_LEN;
/// What a file buffers while it is written.
const WRITE_BUFFER: usize = 256 * 1024;

/// Where files of versions are made, and what they take together.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    folder: PathBuf,
    bytes: Arc<AtomicU64>,
}

impl Files {
    /// Files in this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, bytes: Arc::default() }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Bytes of disk that all files take.
    pub(crate) fn disk_usage(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Versions in a file.
#[derive(Debug)]
pub(crate) struct Stored {
    file: File,
    /// The first version of every block.
    firsts: Vec<(PageIndex, Lsn)>,
    len: u64,
    /// Bytes of the file.
    bytes: u64,
    lows: Lows,
    files: Files,
}

impl Stored {
    /// Writes versions, which come in the order of page and LSN.
    pub(crate) fn write(
        files: &Files,
        entries: impl Iterator<Item = io::Result<Entry>>,
        lows: Lows,
    ) -> io::Result<Self> {
        let file = tempfile::tempfile_in(&files.folder)?;
        let mut stored =
            Self { file: file.try_clone()?, firsts: Vec::new(), len: 0, bytes: 0, lows, files: files.clone() };
        let mut writer = BufWriter::with_capacity(WRITE_BUFFER, file);
        let mut block = Vec::with_capacity(BLOCK_LEN);
        for entry in entries {
            let entry = entry?;
            if block.is_empty() {
                stored.firsts.push((entry.page, entry.lsn));
            }
            block.extend_from_slice(&entry.page.get().to_be_bytes());
            block.extend_from_slice(&entry.lsn.get().to_be_bytes());
            block.extend_from_slice(&entry.segment.map_or(NO_SEGMENT, |sid| *sid.as_bytes()));
            stored.len += 1;
            if block.len() == BLOCK_ENTRIES * ENTRY_LEN {
                stored.write_block(&mut writer, &mut block)?;
            }
        }
        if !block.is_empty() {
            stored.write_block(&mut writer, &mut block)?;
        }
        writer.flush()?;
        stored.firsts.shrink_to_fit();
        Ok(stored)
    }

    fn write_block(&mut self, writer: &mut impl Write, block: &mut Vec<u8>) -> io::Result<()> {
        block.resize(BLOCK_LEN - HASH_LEN, 0);
        block.extend_from_slice(&hash(block));
        writer.write_all(block)?;
        self.bytes += BLOCK_LEN as u64;
        self.files.bytes.fetch_add(BLOCK_LEN as u64, Ordering::Relaxed);
        block.clear();
        Ok(())
    }

    /// Versions of both, as one: `self` are of the commits before `later`.
    pub(crate) fn merged_with(&self, later: &Self) -> io::Result<Self> {
        let entries = joined(self.entries(), later.entries(), &later.lows);
        Self::write(&self.files, entries, self.lows.clone().followed_by(&later.lows))
    }

    /// How many versions there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_len(&self) -> usize {
        size_of::<Self>() + self.firsts.capacity() * size_of::<(PageIndex, Lsn)>() + self.lows.memory_len()
    }

    /// A way to look for pages, which keeps the last block: those of ascending pages are read once.
    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder { stored: self, block: None }
    }

    /// Puts another byte into the first block.
    #[cfg(test)]
    pub(super) fn damage(&self) {
        self.file.write_all_at(&[0xff], 20).expect("the file is there");
    }

    fn read_block(&self, number: usize) -> io::Result<Block> {
        let mut bytes = Box::new([0; BLOCK_LEN]);
        self.file.read_exact_at(&mut *bytes, (number * BLOCK_LEN) as u64)?;
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

impl Drop for Stored {
    fn drop(&mut self) {
        self.files.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
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
    stored: &'a Stored,
    block: Option<Block>,
}

impl Finder<'_> {
    /// What is known of a page as it was at an LSN.
    pub(crate) fn find(&mut self, page: PageIndex, lsn: Lsn) -> io::Result<Found> {
        let after = self.stored.firsts.partition_point(|first| *first <= (page, lsn));
        let Some(number) = after.checked_sub(1) else { return Ok(self.stored.lows.of_unwritten(page, lsn)) };
        let block = match self.block.take() {
            Some(block) if block.number == number => block,
            _ => self.stored.read_block(number)?,
        };
        let found = block.last_up_to((page, lsn))?.filter(|entry| entry.page == page);
        self.block = Some(block);
        Ok(match found {
            Some(entry) => entry.segment.map_or(Found::Nothing, Found::Segment),
            None => self.stored.lows.of_unwritten(page, lsn),
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
