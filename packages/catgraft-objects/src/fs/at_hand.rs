//! Reads that wait for nothing: of a file whose path and content the kernel has in memory.
//!
//! Linux can be asked for exactly that: `openat2` with `RESOLVE_CACHED` opens a file only where no folder has to be read
//! for it (since 5.12), and `preadv2` with `RWF_NOWAIT` reads only what is in the page cache (since 4.14, and not on every
//! file system). Such a read takes some microseconds, less than handing it to another thread does. In any
//! other case, and for every error, there is no answer here, and the read is done again where it may wait.

use std::{
    io::IoSliceMut,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::{Errno, ReadWriteFlags, preadv2},
};

/// Longest range that is copied where others wait for their turn.
const LEN_MAX: u64 = 256 * 1024;

/// Reads what is at hand.
#[derive(Debug, Default)]
pub(super) struct AtHand {
    /// The kernel or the file system can't, so it is not asked again.
    is_unsupported: AtomicBool,
}

impl AtHand {
    /// These bytes of a file, where they can be had at once.
    pub(super) fn read(&self, path: &Path, offset: u64, len: u64) -> Option<Bytes> {
        // To the kernel the highest offset of all is the place where the file was read last.
        if len > LEN_MAX || offset == u64::MAX || self.is_unsupported.load(Ordering::Relaxed) {
            return None;
        }
        let bytes = read_now(path, offset, usize::try_from(len).ok()?);
        if matches!(bytes, Err(Failure::Unsupported)) {
            self.is_unsupported.store(true, Ordering::Relaxed);
        }
        bytes.ok()
    }

    #[cfg(test)]
    pub(super) fn is_unsupported(&self) -> bool {
        self.is_unsupported.load(Ordering::Relaxed)
    }
}

/// Why there is no answer.
enum Failure {
    /// There will never be one here.
    Unsupported,
    /// There may be one for another file, or later.
    NotNow,
}

/// The bytes, where all of them are at hand.
fn read_now(path: &Path, offset: u64, len: usize) -> Result<Bytes, Failure> {
    // Whatever is in the place of the file, opening it must not wait for somebody.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).map_err(|error| match error {
        // An older kernel knows the call not or not the flag, and a filter of calls may forbid it.
        Errno::NOSYS | Errno::INVAL | Errno::PERM => Failure::Unsupported,
        _ => Failure::NotNow,
    })?;
    let mut bytes = vec![0; len];
    let read = preadv2(&file, &mut [IoSliceMut::new(&mut bytes)], offset, ReadWriteFlags::NOWAIT);
    match read {
        Ok(read) if read == len => Ok(bytes.into()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => Err(Failure::Unsupported),
        _ => Err(Failure::NotNow),
    }
}
