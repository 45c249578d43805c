//! What SQLite and its driver say, sorted by whether the same call may succeed later.

use std::sync::Arc;

use sqlx::Error as SqlError;

use crate::catalog::Error;

/// The catalog's error for one of the driver.
pub(super) fn outward(doing: &'static str, source: SqlError) -> Error {
    if may_pass(&source) {
        Error::Unavailable { doing, source: source.into() }
    } else {
        Error::Internal { doing, source: source.into() }
    }
}

/// The same, for an error that several calls share.
pub(super) fn outward_shared(doing: &'static str, source: &Arc<SqlError>) -> Error {
    if may_pass(source) {
        Error::Unavailable { doing, source: Arc::clone(source).into() }
    } else {
        Error::Internal { doing, source: Arc::clone(source).into() }
    }
}

/// May the same call succeed later? So it is where the file is locked, the disk is full, or reading it failed.
fn may_pass(error: &SqlError) -> bool {
    match error {
        SqlError::Io(_) | SqlError::PoolTimedOut | SqlError::PoolClosed | SqlError::WorkerCrashed => true,
        // SQLITE_BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN.
        _ => matches!(code(error), Some(5 | 6 | 7 | 8 | 10 | 13 | 14)),
    }
}

/// Does another connection hold a lock that was needed (SQLITE_BUSY)?
pub(super) fn is_locked(error: &SqlError) -> bool {
    code(error) == Some(5)
}

/// SQLite's primary result code; what is above the first byte only refines it.
fn code(error: &SqlError) -> Option<u32> {
    let extended: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// Why a job of the writer failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database failed, and with it the whole transaction.
    Database(SqlError),
    /// The job failed by itself, before it had written anything.
    Job(Error),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Job(error)
    }
}
