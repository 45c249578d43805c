//! The files of an embedded catalog: how they are opened, and the lock beside them.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::catalog::Error;

/// How long a connection waits for another one's lock.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// How the connection is opened that writes.
pub(super) fn to_write(path: &Path) -> SqliteConnectOptions {
    options(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
}

/// How a connection is opened that reads a file which is there.
pub(super) fn to_read(path: &Path) -> SqliteConnectOptions {
    options(path).read_only(true)
}

fn options(path: &Path) -> SqliteConnectOptions {
    // Statements are not logged: an error is, once, where it is answered.
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_MAX).disable_statement_logging()
}

/// Connections that read; none is opened before it is needed.
pub(super) fn readers(path: &Path, max: u32) -> SqlitePool {
    SqlitePoolOptions::new().max_connections(max.max(1)).test_before_acquire(false).connect_lazy_with(to_read(path))
}

/// Takes the lock beside the catalog for as long as the file is held, and makes the folder where it is missing.
pub(super) fn lock(path: &Path) -> Result<File, Error> {
    make_folder(path)?;
    let lock_path = beside(path, ".lock");
    let failed = |source| Error::File { doing: "opening the lock file", path: lock_path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Makes the folder of a file.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::create_dir_all(folder).map_err(|source| Error::File {
            doing: "making the folder",
            path: folder.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Refuses a file that is not there.
pub(super) fn must_exist(path: &Path) -> Result<(), Error> {
    let refuse = |source: io::Error| Error::File { doing: "opening the catalog", path: path.to_owned(), source };
    fs::metadata(path).map(drop).map_err(refuse)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
