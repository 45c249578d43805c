//! The folder of a store: where things lie in it, and how a file gets into it for good.
//!
//! ```text
//! <root>/segments/<ab>/<id>   objects
//! <root>/staging/…            objects being written; worth nothing after a crash
//! <root>/staging/lock         held (shared) by every process that has the store open
//! ```

use std::{
    collections::HashSet,
    fs::{self, File, Permissions, TryLockError},
    io::{self, IoSlice, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use catgraft_core::PAGE_SIZE;
use parking_lot::Mutex;
use tempfile::NamedTempFile;

use super::{StepError, failed};
use crate::{key::ObjectKey, payload::Payload};

const STAGING: &str = "staging";
const LOCK: &str = "lock";

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    staging: PathBuf,
    /// Folders whose own entry in their parent is known to be on disk. At most as many as keys have folders.
    synced: Mutex<HashSet<PathBuf>>,
    /// Says that somebody works in `staging`; the lock goes with the file.
    _lock: File,
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<Self, StepError> {
        let root = std::path::absolute(root).map_err(failed("find", root))?;
        let staging = root.join(STAGING);
        create_folders(&staging)?;
        let lock_path = staging.join(LOCK);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => remove_leftovers(&staging)?,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(failed("lock", &lock_path)(error)),
        }
        // Where we have the exclusive lock, this turns it into a shared one.
        lock.lock_shared().map_err(failed("lock", &lock_path))?;
        Ok(Self { root, staging, synced: Mutex::default(), _lock: lock })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path_of(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Is the folder still there? An object that is not found in a folder that is not mounted is not a missing object.
    pub(super) fn is_there(&self) -> bool {
        self.staging.is_dir()
    }

    /// Can something be written here? A page is: an empty file still fits on a disk that is full.
    pub(super) fn try_write(&self) -> Result<(), StepError> {
        let mut staged = self.staged()?;
        staged.write_all(&[0; PAGE_SIZE]).map_err(failed("write a file in", &self.staging))
    }

    /// Writes an object; it is whole, in its place and on disk when this returns.
    ///
    /// It gets its name before it is synced, so that a journaling file system (ext4, XFS) writes content and name down
    /// together: one wait for the disk instead of two. A power cut in between may leave an object that is not whole. Nobody
    /// has been told of it then, so it is an orphan like one that is.
    pub(super) fn write(&self, key: &ObjectKey, payload: &Payload) -> Result<(), StepError> {
        let path = self.path_of(key);
        let parent = parent_of(&path);
        let staged = self.staged()?;
        write_chunks(staged.as_file(), payload).map_err(|source| failed("write", staged.path())(source))?;
        self.ensure_folder(parent)?;
        let named = staged.persist(&path).map_err(|error| {
            // Should somebody have removed the folder, it is made again next time.
            self.synced.lock().remove(parent);
            failed("rename a staged file to", &path)(error.error)
        })?;
        named.sync_data().map_err(failed("write", &path))?;
        sync_folder(parent)
    }

    /// Removes an object, if it is there.
    pub(super) fn remove(&self, key: &ObjectKey) -> Result<(), StepError> {
        let path = self.path_of(key);
        match fs::remove_file(&path).map_err(failed("remove", &path)) {
            Ok(()) => sync_folder(parent_of(&path)),
            Err(error) if error.is_not_found() && self.is_there() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A new file in `staging`, removed again unless it is renamed.
    fn staged(&self) -> Result<NamedTempFile, StepError> {
        tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&self.staging)
            .map_err(failed("write a file in", &self.staging))
    }

    /// Makes a folder below the root, and sees to it that it outlives a power cut. That it exists says nothing: another
    /// writer may have made it and not synced it yet.
    fn ensure_folder(&self, folder: &Path) -> Result<(), StepError> {
        if self.synced.lock().contains(folder) {
            return Ok(());
        }
        let below = folder.strip_prefix(&self.root).expect("keys spell paths below the root");
        let mut parent = self.root.clone();
        for name in below {
            let child = parent.join(name);
            create_folder(&child)?;
            sync_folder(&parent)?;
            parent = child;
        }
        self.synced.lock().insert(folder.to_owned());
        Ok(())
    }
}

fn parent_of(path: &Path) -> &Path {
    path.parent().expect("an object's path has the root above it")
}

/// Hands the chunks to the kernel where they lie, as many at once as it takes.
fn write_chunks(mut file: &File, payload: &Payload) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = payload.chunks().iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn create_folder(path: &Path) -> Result<(), StepError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(failed("make the folder", path)),
    }
}

/// Makes a folder and all that is missing above it, and syncs whatever got a new entry.
fn create_folders(path: &Path) -> Result<(), StepError> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(parent) = path.parent() else { return create_folder(path) };
    create_folders(parent)?;
    create_folder(path)?;
    sync_folder(parent)
}

fn sync_folder(path: &Path) -> Result<(), StepError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("sync the folder", path))
}

fn remove_leftovers(staging: &Path) -> Result<(), StepError> {
    for entry in fs::read_dir(staging).map_err(failed("list", staging))? {
        let path = entry.map_err(failed("list", staging))?.path();
        if path.file_name().is_some_and(|name| name != LOCK) {
            tracing::debug!(path = %path.display(), "removing an object that a crash left unfinished");
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}
