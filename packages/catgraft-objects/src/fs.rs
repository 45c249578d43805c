//! A store in a folder: one file an object, at the path that its key spells.
//!
//! An object is written under a temporary name in `staging/`, renamed to its place and synced, and the folder that it is
//! in is synced, so a reader sees a whole object or none, whatever process is killed, and an object that was acknowledged
//! survives a power cut. One that was not acknowledged may be left behind by a power cut, and need not be whole.
//! What a crash leaves in `staging/` is no object and is removed when the store is next opened and nobody else has it
//! open. Several processes may use one folder.
//!
//! A range that the kernel has in memory is read at once, where its caller runs: see `at_hand`. All other work is done on
//! tokio's blocking threads, one hand-over a call. `list` walks the folders each time.

mod at_hand;
mod folder;
mod walk;

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;

use self::{at_hand::AtHand, folder::Folder};
use crate::{
    error::{Error, Operation, range_len},
    key::{KeyPrefix, ObjectKey},
    payload::Payload,
    store::{ObjectMeta, ObjectStore},
};

/// Objects as files.
#[derive(Debug)]
pub struct FsStore {
    folder: Arc<Folder>,
    at_hand: AtHand,
}

/// A step in the file system that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}", path.display())]
struct StepError {
    step: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// For `map_err`: what was done to which path.
fn failed<'a>(step: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StepError + 'a {
    move |source| StepError { step, path: path.to_owned(), source }
}

impl StepError {
    fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    /// A full, broken, read-only or vanished disk is a store that is away: it may come back, and what we hold in memory
    /// is still good.
    fn during(self, operation: Operation) -> Error {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => Error::Denied { operation, source: self.into() },
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => {
                Error::Internal { operation, source: self.into() }
            }
            _ => Error::Unavailable { operation, source: self.into() },
        }
    }
}

impl FsStore {
    /// Opens the store in `root`, which is made if it is not there, and removes what a crash left unfinished.
    pub async fn open(root: &Path) -> Result<Self, Error> {
        let root = root.to_owned();
        let folder =
            blocking(Operation::Open, move || Folder::open(&root).map_err(|error| error.during(Operation::Open)))
                .await?;
        Ok(Self { folder: Arc::new(folder), at_hand: AtHand::default() })
    }

    async fn read<T, F>(&self, key: &ObjectKey, operation: Operation, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&File, u64, &Path) -> Result<T, ReadError> + Send + 'static,
    {
        let (folder, key) = (self.folder.clone(), key.clone());
        blocking(operation.clone(), move || {
            let path = folder.path_of(&key);
            let file = match File::open(&path).map_err(failed("open", &path)) {
                Ok(file) => file,
                Err(error) if error.is_not_found() && folder.is_there() => return Err(Error::NotFound { key }),
                Err(error) => return Err(error.during(operation)),
            };
            let read = match file.metadata() {
                Ok(metadata) => read(&file, metadata.len(), &path),
                Err(source) => Err(failed("look at", &path)(source).into()),
            };
            read.map_err(|error| match error {
                ReadError::Step(error) => error.during(operation),
                ReadError::Short { range, got } => Error::Short { key, range, got },
            })
        })
        .await
    }
}

/// How reading an open file may fail.
enum ReadError {
    Step(StepError),
    Short { range: Range<u64>, got: u64 },
}

impl From<StepError> for ReadError {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

/// Reads what is known to be there: objects never change, and a replaced one stays readable through the open file.
fn read_at(file: &File, offset: u64, len: u64, path: &Path) -> Result<Bytes, StepError> {
    let len = usize::try_from(len).map_err(io::Error::other).map_err(failed("read", path))?;
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(io::Error::other).map_err(failed("read", path))?;
    buffer.resize(len, 0);
    file.read_exact_at(&mut buffer, offset).map_err(failed("read", path))?;
    Ok(buffer.into())
}

/// Does the work on a blocking thread.
async fn blocking<T, F>(operation: Operation, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => Err(Error::Internal { operation, source: error.into() }),
    }
}

#[async_trait]
impl ObjectStore for FsStore {
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error> {
        let (folder, key) = (self.folder.clone(), key.clone());
        let operation = Operation::Put(key.clone());
        blocking(operation.clone(), move || folder.write(&key, &payload).map_err(|error| error.during(operation))).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error> {
        let len = range_len(key, &range)?;
        if let Some(bytes) = self.at_hand.read(&self.folder.path_of(key), range.start, len) {
            return Ok(bytes);
        }
        self.read(key, Operation::Get(key.clone()), move |file, object_len, path| {
            let got = object_len.saturating_sub(range.start).min(len);
            if got < len {
                return Err(ReadError::Short { range, got });
            }
            Ok(read_at(file, range.start, len, path)?)
        })
        .await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        self.read(key, Operation::Get(key.clone()), |file, object_len, path| Ok(read_at(file, 0, object_len, path)?))
            .await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, Error> {
        let len = self.read(key, Operation::Head(key.clone()), |_, object_len, _| Ok(object_len)).await?;
        Ok(ObjectMeta { key: key.clone(), len })
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let (folder, key) = (self.folder.clone(), key.clone());
        let operation = Operation::Delete(key.clone());
        blocking(operation.clone(), move || folder.remove(&key).map_err(|error| error.during(operation))).await
    }

    async fn list(&self, prefix: KeyPrefix, after: Option<&ObjectKey>, limit: usize) -> Result<Vec<ObjectMeta>, Error> {
        let (folder, after) = (self.folder.clone(), after.cloned());
        let operation = Operation::List(prefix);
        blocking(operation.clone(), move || {
            walk::list(&folder, prefix, after.as_ref(), limit).map_err(|error| error.during(operation))
        })
        .await
    }

    async fn probe(&self) -> Result<(), Error> {
        let folder = self.folder.clone();
        blocking(Operation::Probe, move || folder.try_write().map_err(|error| error.during(Operation::Probe))).await
    }
}
