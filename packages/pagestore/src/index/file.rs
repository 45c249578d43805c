//! The file of what has left memory: chunks of 64 KiB, given out to the runs of all volumes and taken back.
//!
//! One file, and not one a run: there may be a great many runs, and descriptors are few. It is made with the first run and
//! has no name, so that nothing of it outlives the process. A chunk that comes back is punched out of it, which frees
//! its disk where the file system can do that, and is given out again before the file grows.
//!
//! What makes, writes or reads the file waits for it, and belongs on a thread that may. Chunks may be dropped anywhere.

use std::{cmp::Reverse, collections::BinaryHeap, fs::File, io, mem, os::unix::fs::FileExt, path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use rustix::fs::{FallocateFlags, fallocate};
use tokio::runtime::Handle;

/// Bytes of a chunk.
pub(crate) const CHUNK_LEN: usize = 64 * 1024;

/// The file, which there is once in a pagestore.
#[derive(Debug, Clone)]
pub(crate) struct IndexFile {
    folder: PathBuf,
    space: Arc<Mutex<Space>>,
}

#[derive(Debug, Default)]
struct Space {
    file: Option<Arc<File>>,
    /// Chunks that came back, the first on top.
    free: BinaryHeap<Reverse<u32>>,
    /// The first chunk that was never given out.
    end: u32,
}

impl IndexFile {
    /// A file in this folder, once it is needed.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, space: Arc::default() }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Bytes of disk that the chunks take that are given out.
    pub(crate) fn disk_usage(&self) -> u64 {
        let space = self.space.lock();
        (u64::from(space.end) - space.free.len() as u64) * CHUNK_LEN as u64
    }

    /// No chunks yet. Fails where the file can't be made.
    pub(crate) fn chunks(&self) -> io::Result<Chunks> {
        let mut space = self.space.lock();
        let file = match &space.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(space.file.insert(Arc::new(tempfile::tempfile_in(&self.folder)?))),
        };
        Ok(Chunks { file, numbers: Vec::new(), space: Arc::clone(&self.space) })
    }
}

/// Chunks of the file, which go back when this is dropped: by a thread that may wait, where there is one.
#[derive(Debug)]
pub(crate) struct Chunks {
    file: Arc<File>,
    numbers: Vec<u32>,
    space: Arc<Mutex<Space>>,
}

impl Chunks {
    /// Writes a further chunk: up to [`CHUNK_LEN`] bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        debug_assert!(bytes.len() <= CHUNK_LEN);
        let number = self.space.lock().take()?;
        // Before it is written, so that it goes back where that fails.
        self.numbers.push(number);
        self.file.write_all_at(bytes, offset(number))
    }

    /// Reads what was written at a place, counted over all chunks; not across the end of one.
    pub(crate) fn read_exact_at(&self, bytes: &mut [u8], at: usize) -> io::Result<()> {
        let number = *self.numbers.get(at / CHUNK_LEN).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.file.read_exact_at(bytes, offset(number) + (at % CHUNK_LEN) as u64)
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_len(&self) -> usize {
        self.numbers.capacity() * size_of::<u32>()
    }

    /// Puts another byte at a place of the first chunk.
    #[cfg(test)]
    pub(crate) fn damage(&self, at: u64) {
        self.file.write_all_at(&[0xff], offset(self.numbers[0]) + at).expect("the file is there");
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        let (file, numbers, space) = (Arc::clone(&self.file), mem::take(&mut self.numbers), Arc::clone(&self.space));
        let give_back = move || give_back(&file, numbers, &space);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(give_back)),
            Err(_) => give_back(),
        }
    }
}

/// Frees the disk of chunks, and has them given out again.
fn give_back(file: &File, mut numbers: Vec<u32>, space: &Mutex<Space>) {
    numbers.sort_unstable();
    for neighbours in numbers.chunk_by(|one, next| one + 1 == *next) {
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // Where it can't be done, the chunks keep their disk until they are given out again.
        let _ = fallocate(file, punch, offset(neighbours[0]), (neighbours.len() * CHUNK_LEN) as u64);
    }
    space.lock().free.extend(numbers.into_iter().map(Reverse));
}

impl Space {
    fn take(&mut self) -> io::Result<u32> {
        if let Some(Reverse(number)) = self.free.pop() {
            return Ok(number);
        }
        let number = self.end;
        self.end = number.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(number)
    }
}

fn offset(number: u32) -> u64 {
    u64::from(number) * CHUNK_LEN as u64
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn chunk(byte: u8) -> Vec<u8> {
        vec![byte; CHUNK_LEN]
    }

    fn file() -> (tempfile::TempDir, IndexFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = IndexFile::new(folder.path().to_owned());
        (folder, file)
    }

    #[test]
    fn what_comes_back_frees_its_disk_and_is_given_out_first() {
        let (_folder, file) = file();
        let [mut a, mut b] = [file.chunks().unwrap(), file.chunks().unwrap()];
        for byte in 0..4 {
            a.push(&chunk(byte)).unwrap();
            b.push(&chunk(byte + 100)).unwrap();
        }
        assert_eq!((&*a.numbers, &*b.numbers), ([0, 2, 4, 6].as_slice(), [1, 3, 5, 7].as_slice()));
        assert_eq!(file.disk_usage(), 8 * CHUNK_LEN as u64);
        let inner = Arc::clone(&b.file);
        let blocks = || inner.metadata().unwrap().blocks() * 512;
        inner.sync_all().unwrap();
        let before = blocks();
        drop(a);
        assert_eq!(file.disk_usage(), 4 * CHUNK_LEN as u64);
        assert_eq!(before - blocks(), 4 * CHUNK_LEN as u64);

        let mut c = file.chunks().unwrap();
        for byte in 50..55 {
            c.push(&chunk(byte)).unwrap();
        }
        assert_eq!(*c.numbers, [0, 2, 4, 6, 8]);
        let mut bytes = [0; 2];
        for number in 0..4 {
            b.read_exact_at(&mut bytes, number * CHUNK_LEN + 77).unwrap();
            assert_eq!(bytes, [number as u8 + 100; 2]);
            c.read_exact_at(&mut bytes, (number + 1) * CHUNK_LEN - 2).unwrap();
            assert_eq!(bytes, [number as u8 + 50; 2]);
        }
        drop((b, c));
        assert_eq!((file.disk_usage(), blocks()), (0, 0));
    }

    #[test]
    fn what_was_not_written_is_not_read() {
        let (_folder, file) = file();
        let mut chunks = file.chunks().unwrap();
        chunks.push(&[7; 100]).unwrap();
        let mut bytes = [0; 10];
        for at in [95, CHUNK_LEN] {
            assert_eq!(chunks.read_exact_at(&mut bytes, at).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        chunks.read_exact_at(&mut bytes, 90).unwrap();
        assert_eq!(bytes, [7; 10]);
    }
}
