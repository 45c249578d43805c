//! Where a catalog is: a Postgres database or a file. Printing a location never shows a password.

use std::{fmt, path::PathBuf};

use super::{Error, PostgresUrl};

/// Where a catalog is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A database of a Postgres server, shared by any number of metastores.
    Postgres(PostgresUrl),
    /// A file of its own, used by one metastore.
    Sqlite(PathBuf),
}

impl Location {
    /// The Postgres database with this URL, over TCP (`postgres://user@host/database`) or a unix socket
    /// (`postgres:///database?host=/run/postgresql`).
    pub fn postgres(url: &str) -> Result<Self, Error> {
        PostgresUrl::parse(url).map(Self::Postgres)
    }

    /// The embedded catalog in this file. Its folder is made when it is missing.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::Sqlite(path.into())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(url) => url.fmt(f),
            Self::Sqlite(path) => path.display().fmt(f),
        }
    }
}
