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
        SqlError::Database(error) => {
            let extended: Option<u32> = error.code().and_then(|code| code.parse().ok());
            // SQLITE_BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN; what is above the first byte only refines
            // these.
            extended.is_some_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14))
        }
        _ => false,
    }
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
