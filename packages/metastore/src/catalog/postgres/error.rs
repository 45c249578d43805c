//! What Postgres and its driver say, sorted by what to do about it.

use std::borrow::Cow;

use sqlx::Error as SqlError;

use crate::catalog::Error;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The connection is gone, in an unknown state or leads to the wrong server: a new one may do.
    Reconnect,
    /// The server undid the statement because of others: the same again may do.
    Repeat,
    /// The server is there but cannot serve now.
    Wait,
    /// Nothing helps.
    Refused,
}

/// What to do about an error.
pub(super) fn remedy(error: &SqlError) -> Remedy {
    match error {
        SqlError::Io(_) | SqlError::Protocol(_) | SqlError::WorkerCrashed => Remedy::Reconnect,
        SqlError::PoolTimedOut | SqlError::PoolClosed => Remedy::Wait,
        SqlError::Database(error) => error.code().map_or(Remedy::Refused, remedy_for_code),
        _ => Remedy::Refused,
    }
}

/// Postgres names its errors by class (two characters) and code.
fn remedy_for_code(code: Cow<'_, str>) -> Remedy {
    match code.as_ref() {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Remedy::Repeat,
        // admin_shutdown, crash_shutdown, database_dropped, idle_session_timeout: the connection ends with it
        "57P01" | "57P02" | "57P04" | "57P05" => Remedy::Reconnect,
        // read_only_sql_transaction: a primary that was replaced; where the address leads now, writing may do
        "25006" => Remedy::Reconnect,
        // cannot_connect_now, query_canceled, object_in_use, lock_not_available
        "57P03" | "57014" | "55006" | "55P03" => Remedy::Wait,
        // connection exceptions; out of connections, disk or memory; errors of its disks
        code if code.starts_with("08") => Remedy::Reconnect,
        code if code.starts_with("53") || code.starts_with("58") => Remedy::Wait,
        _ => Remedy::Refused,
    }
}

/// The catalog's error for one of the driver.
pub(super) fn outward(doing: &'static str, source: SqlError) -> Error {
    match remedy(&source) {
        Remedy::Reconnect | Remedy::Repeat | Remedy::Wait => Error::Unavailable { doing, source: source.into() },
        Remedy::Refused => Error::Internal { doing, source: source.into() },
    }
}
