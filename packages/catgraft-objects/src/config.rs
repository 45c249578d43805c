//! Which store to use: the `[objectstore]` part of a service's configuration, and the one door that opens it.

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{error::Error, fs::FsStore, memory::MemoryStore, s3::S3Store, store::ObjectStore};

/// Which store to use. In configuration files it is a table with the key `type`; unknown keys, and keys of another type,
/// are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "Keys")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct S3Config {
    /// The bucket's name.
    pub bucket: String,
    /// What every key in the bucket begins with; `/` is put between it and the key. May be empty.
    pub prefix: String,
    /// URL of the server, for other stores than Amazon's. Otherwise `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the
    /// profile's or `AWS_ENDPOINT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The bucket's region. Otherwise that of the AWS variables or profile; `us-east-1` where an endpoint is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Is the bucket named in the path of a URL, not in its host name? Otherwise: yes where an endpoint is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
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
        ObjectStoreConfig::S3Compatible(s3) => Arc::new(S3Store::open(s3).await),
    })
}

/// The keys as they are written. A flat table, not a tagged enum: serde would buffer that one, and the layers that a
/// value comes from (an environment variable is always text) could no longer turn it into what is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(rename = "type")]
    kind: Kind,
    root: Option<PathBuf>,
    bucket: Option<String>,
    prefix: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    path_style: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Memory,
    Fs,
    S3Compatible,
}

impl Kind {
    fn as_str(&self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::Fs => "fs",
            Kind::S3Compatible => "s3_compatible",
        }
    }
}

impl TryFrom<Keys> for ObjectStoreConfig {
    type Error = ConfigError;
    fn try_from(keys: Keys) -> Result<Self, ConfigError> {
        let kind = keys.kind.as_str();
        let fs_keys = [("root", keys.root.is_some())];
        let s3_keys = [
            ("bucket", keys.bucket.is_some()),
            ("prefix", keys.prefix.is_some()),
            ("endpoint", keys.endpoint.is_some()),
            ("region", keys.region.is_some()),
            ("path_style", keys.path_style.is_some()),
        ];
        let refuse = |foreign: &[(&'static str, bool)]| match foreign.iter().find(|(_, set)| *set) {
            Some((key, _)) => Err(ConfigError::Foreign { kind, key }),
            None => Ok(()),
        };
        let missing = |key| ConfigError::Missing { kind, key };
        match keys.kind {
            Kind::Memory => {
                refuse(&fs_keys)?;
                refuse(&s3_keys)?;
                Ok(Self::Memory)
            }
            Kind::Fs => {
                refuse(&s3_keys)?;
                let root = keys.root.filter(|root| !root.as_os_str().is_empty()).ok_or_else(|| missing("root"))?;
                Ok(Self::Fs { root })
            }
            Kind::S3Compatible => {
                refuse(&fs_keys)?;
                Ok(Self::S3Compatible(S3Config {
                    bucket: keys.bucket.filter(|bucket| !bucket.is_empty()).ok_or_else(|| missing("bucket"))?,
                    prefix: keys.prefix.unwrap_or_default(),
                    endpoint: keys.endpoint.filter(|endpoint| !endpoint.is_empty()).map(url).transpose()?,
                    region: keys.region.filter(|region| !region.is_empty()),
                    path_style: keys.path_style,
                }))
            }
        }
    }
}

fn url(endpoint: String) -> Result<String, ConfigError> {
    let is_url = endpoint.starts_with("http://") || endpoint.starts_with("https://");
    if is_url { Ok(endpoint) } else { Err(ConfigError::Endpoint { endpoint }) }
}
