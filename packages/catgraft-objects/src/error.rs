//! What can go wrong with object storage, told by what the caller can do about it.

use std::{error::Error as StdError, fmt, ops::Range};

use crate::key::{KeyPrefix, ObjectKey};

/// A backend's own error, kept as a source.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why an operation on object storage failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such object.
    #[error("object {key} does not exist")]
    NotFound {
        /// The object asked for.
        key: ObjectKey,
    },
    /// The object ends before the range does.
    #[error("object {key} is too short: bytes {} to {} were asked for and {got} of them are there", range.start, range.end)]
    Short {
        /// The object asked for.
        key: ObjectKey,
        /// The bytes asked for.
        range: Range<u64>,
        /// How many bytes of the range the object has.
        got: u64,
    },
    /// The store cannot be reached, is overloaded or broken, or is not there. The same request may succeed later.
    #[error("object storage is unavailable: {operation}")]
    Unavailable {
        /// What was tried.
        operation: Operation,
        /// What the backend said.
        source: BoxError,
    },
    /// The store refuses us: no credentials, wrong ones, or a missing permission. A human has to mend that.
    #[error("object storage denies access: {operation}")]
    Denied {
        /// What was tried.
        operation: Operation,
        /// What the backend said.
        source: BoxError,
    },
    /// Anything else: a request that the store does not understand, or an answer that we do not. A bug, or a store that
    /// is less compatible than it says.
    #[error("object storage failed: {operation}")]
    Internal {
        /// What was tried.
        operation: Operation,
        /// What the backend said.
        source: BoxError,
    },
}

impl Error {
    /// May the same request succeed later without anybody mending anything?
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Unavailable { .. } => true,
            Error::NotFound { .. } | Error::Short { .. } | Error::Denied { .. } | Error::Internal { .. } => false,
        }
    }

    /// Is it that the object does not exist?
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::NotFound { .. })
    }
}

/// One thing asked of a store, for errors and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Make the store ready for use.
    Open,
    /// Look whether the store is there.
    Probe,
    /// Store an object.
    Put(ObjectKey),
    /// Read an object or a range of it.
    Get(ObjectKey),
    /// Ask for an object's length.
    Head(ObjectKey),
    /// Remove an object.
    Delete(ObjectKey),
    /// List keys.
    List(KeyPrefix),
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Open => f.write_str("open"),
            Operation::Probe => f.write_str("probe"),
            Operation::Put(key) => write!(f, "put {key}"),
            Operation::Get(key) => write!(f, "get {key}"),
            Operation::Head(key) => write!(f, "head {key}"),
            Operation::Delete(key) => write!(f, "delete {key}"),
            Operation::List(prefix) => write!(f, "list {prefix:?}"),
        }
    }
}

/// The verbs of [`ObjectStore`](crate::ObjectStore), for counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Store an object.
    Put,
    /// Read an object or a range of it.
    Get,
    /// Ask for an object's length.
    Head,
    /// Remove an object.
    Delete,
    /// List keys.
    List,
    /// Look whether the store is there.
    Probe,
}

impl Verb {
    /// Every verb once.
    pub const ALL: [Verb; 6] = [Verb::Put, Verb::Get, Verb::Head, Verb::Delete, Verb::List, Verb::Probe];

    /// The verb in lower case, as metrics label it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Put => "put",
            Verb::Get => "get",
            Verb::Head => "head",
            Verb::Delete => "delete",
            Verb::List => "list",
            Verb::Probe => "probe",
        }
    }
}

/// A request that no caller may make.
#[derive(Debug, thiserror::Error)]
#[error("the range {} to {} holds no byte", .0.start, .0.end)]
struct EmptyRange(Range<u64>);

/// Number of bytes in a range; a range without bytes is refused, because S3 has no words for it.
pub(crate) fn range_len(key: &ObjectKey, range: &Range<u64>) -> Result<u64, Error> {
    match range.end.checked_sub(range.start) {
        Some(len) if len > 0 => Ok(len),
        _ => Err(Error::Internal { operation: Operation::Get(key.clone()), source: EmptyRange(range.clone()).into() }),
    }
}
