//! The files of an embedded catalog: how they are opened, and the lock beside them.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::{Instant, sleep};

use super::error::is_locked;
use crate::catalog::Error;

/// How long a connection waits for another one's lock.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// Rows that a statement may be ahead of its reader. A log has many small rows, and each hand-over of a full buffer is a
/// switch between threads.
const ROWS_AHEAD: usize = 1024;

/// How long to wait before a file that another process is opening is tried again.
const OPENING_AGAIN: Duration = Duration::from_millis(5);

/// Opens the connection that writes, and makes the file where it is missing.
///
/// The first to open a file switches its journal to WAL. SQLite calls nobody's busy handler for that switch, since who
/// asks for it holds a read lock already (`sqlite3BtreeSetVersion`); so it is asked for again, for as long as a
/// connection waits for a lock.
pub(super) async fn open_to_write(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options =
        options(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let give_up = Instant::now() + BUSY_MAX;
    loop {
        match options.connect().await {
            Err(error) if is_locked(&error) && Instant::now() < give_up => sleep(OPENING_AGAIN).await,
            opened => return opened,
        }
    }
}

/// How a connection is opened that reads a file which is there.
pub(super) fn to_read(path: &Path) -> SqliteConnectOptions {
    options(path).read_only(true).row_buffer_size(ROWS_AHEAD)
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
