//! The folder of the disk cache, before the disk cache opens it: removes what it can't work with of what was left there.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// What the disk cache calls its files, before their number.
const FILE_PREFIX: &str = "foyer-storage-direct-fs-";
/// A file that begins with so many zeros is empty: the disk cache overwrites its beginning to drop it.
const MARK_LEN: usize = 16;

/// Makes the folder one that a disk cache of so many files works with.
pub(super) fn tidy(folder: &Path, files: u64) -> io::Result<()> {
    let (kept, beyond): (Vec<_>, Vec<_>) = files_of(folder)?.into_iter().partition(|(number, _)| *number < files);
    // Of an earlier cache with a higher limit: they would never be used or removed again.
    for (_, path) in beyond {
        fs::remove_file(path)?;
    }
    // The disk cache has a file emptied when it takes the last empty one. A process that was killed in between left none,
    // and the next one would wait for one for ever: it would write nothing to disk any more, nor could it be closed.
    if kept.len() as u64 == files
        && let Some(oldest) = oldest_if_all_are_used(kept)?
    {
        fs::remove_file(oldest)?;
    }
    Ok(())
}

/// The files of the disk cache with their numbers.
fn files_of(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(FILE_PREFIX)?.parse().ok());
        files.extend(number.map(|number| (number, entry.path())));
    }
    Ok(files)
}

fn oldest_if_all_are_used(files: Vec<(u64, PathBuf)>) -> io::Result<Option<PathBuf>> {
    let mut oldest = None;
    for (_, path) in files {
        if !is_used(&path)? {
            return Ok(None);
        }
        let written = fs::metadata(&path)?.modified()?;
        if oldest.as_ref().is_none_or(|(earliest, _)| written < *earliest) {
            oldest = Some((written, path));
        }
    }
    Ok(oldest.map(|(_, path)| path))
}

fn is_used(path: &Path) -> io::Result<bool> {
    let mut mark = Vec::with_capacity(MARK_LEN);
    File::open(path)?.take(MARK_LEN as u64).read_to_end(&mut mark)?;
    Ok(mark.iter().any(|byte| *byte != 0))
}
