//! Which store to use: the `[objectstore]` part of a service's configuration, and the one door that opens it.

mod keys;

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::Deserialize;

use self::keys::Keys;
use crate::{error::Error, fs::FsStore, hedged::Hedged, memory::MemoryStore, s3::S3Store, store::ObjectStore};

/// How long it may take to be connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a store may show no sign of life. A client waits 60 s for its answer, and a request is tried three times.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Hedges in a hundred reads.
const HEDGE_PERCENT: u32 = 5;

/// Which store to use. In configuration files it is a table with the key `type`; unknown keys, and keys of another type,
/// are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Keys")]
pub enum ObjectStoreConfig {
    /// Objects in memory, gone with the process.
    #[default]
    Memory,
    /// Objects as files.
    Fs {
        /// The folder that holds them; made if it is not there.
        root: PathBuf,
    },
    /// Amazon S3, or anything that speaks its protocol.
    S3Compatible(S3Config),
}

/// A bucket and how to reach it. Credentials come from the standard AWS variables, profiles or roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket's name.
    pub bucket: String,
    /// What every key in the bucket begins with; `/` is put between it and the key. May be empty.
    pub prefix: String,
    /// URL of the server, for other stores than Amazon's. Otherwise `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the
    /// profile's or `AWS_ENDPOINT`.
    pub endpoint: Option<String>,
    /// The bucket's region. Otherwise that of the AWS variables or profile; `us-east-1` where an endpoint is set.
    pub region: Option<String>,
    /// Is the bucket named in the path of a URL, not in its host name? Otherwise: yes where an endpoint is set.
    pub path_style: Option<bool>,
    /// Is the machine's metadata service asked for credentials where none are set? Otherwise: yes where no endpoint is.
    pub instance_credentials: Option<bool>,
    /// How long it may take to be connected.
    pub connect_timeout: Duration,
    /// How long the store may take for an answer's first byte, and for each 64 KiB of a body, either way. A body that
    /// moves may take as long as it needs.
    pub stall_timeout: Duration,
    /// Most reads in a hundred that are sent a second time because their answer is late; 0 for none.
    pub hedge_percent: u32,
}

impl S3Config {
    /// A bucket of Amazon's, with everything else as it is where nothing is set.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: String::new(),
            endpoint: None,
            region: None,
            path_style: None,
            instance_credentials: None,
            connect_timeout: CONNECT_TIMEOUT,
            stall_timeout: STALL_TIMEOUT,
            hedge_percent: HEDGE_PERCENT,
        }
    }
}

/// Why an `[objectstore]` table does not say which store to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A key that this type of store needs is not there, or empty.
    #[error("`{key}` is missing: type {kind:?} needs it")]
    Missing {
        /// The type of store.
        kind: &'static str,
        /// The key.
        key: &'static str,
    },
    /// The endpoint is not a URL.
    #[error("`endpoint` is {endpoint:?}: it must begin with http:// or https://")]
    Endpoint {
        /// The text given.
        endpoint: String,
    },
    /// A time is none that can be waited.
    #[error("`{key}` is {text:?}: it must be a time above 0, such as 10s or 500ms")]
    Time {
        /// The key.
        key: &'static str,
        /// The text given.
        text: String,
    },
    /// A share is none.
    #[error("`hedge_percent` is {percent}: it must be a number from 0 to 100")]
    HedgePercent {
        /// The number given.
        percent: u32,
    },
    /// A key belongs to another type of store.
    #[error("`{key}` is not a key of type {kind:?}")]
    Foreign {
        /// The type of store.
        kind: &'static str,
        /// The key.
        key: &'static str,
    },
}

/// Makes the store ready for use. Nothing is asked of S3 here: see [`ObjectStore::probe`].
pub async fn open(config: &ObjectStoreConfig) -> Result<Arc<dyn ObjectStore>, Error> {
    Ok(match config {
        ObjectStoreConfig::Memory => Arc::new(MemoryStore::new()),
        ObjectStoreConfig::Fs { root } => Arc::new(FsStore::open(root).await?),
        ObjectStoreConfig::S3Compatible(s3) => {
            Arc::new(Hedged::new(Arc::new(S3Store::open(s3).await), s3.hedge_percent))
        }
    })
}
