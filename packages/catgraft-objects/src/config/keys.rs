//! The `[objectstore]` table as it is written, and what it becomes.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{CONNECT_TIMEOUT, ConfigError, HEDGE_PERCENT, ObjectStoreConfig, S3Config, STALL_TIMEOUT};

/// The keys as they are written. A flat table, not a tagged enum: serde would buffer that one, and the layers that a
/// value comes from (an environment variable is always text) could no longer turn it into what is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    #[serde(rename = "type")]
    kind: Kind,
    root: Option<PathBuf>,
    bucket: Option<String>,
    prefix: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    path_style: Option<bool>,
    instance_credentials: Option<bool>,
    connect_timeout: Option<String>,
    stall_timeout: Option<String>,
    hedge_percent: Option<u32>,
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
            ("instance_credentials", keys.instance_credentials.is_some()),
            ("connect_timeout", keys.connect_timeout.is_some()),
            ("stall_timeout", keys.stall_timeout.is_some()),
            ("hedge_percent", keys.hedge_percent.is_some()),
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
                    instance_credentials: keys.instance_credentials,
                    connect_timeout: time("connect_timeout", keys.connect_timeout, CONNECT_TIMEOUT)?,
                    stall_timeout: time("stall_timeout", keys.stall_timeout, STALL_TIMEOUT)?,
                    hedge_percent: percent(keys.hedge_percent.unwrap_or(HEDGE_PERCENT))?,
                }))
            }
        }
    }
}

fn url(endpoint: String) -> Result<String, ConfigError> {
    let is_url = endpoint.starts_with("http://") || endpoint.starts_with("https://");
    if is_url { Ok(endpoint) } else { Err(ConfigError::Endpoint { endpoint }) }
}

fn time(key: &'static str, text: Option<String>, default: Duration) -> Result<Duration, ConfigError> {
    let Some(text) = text else { return Ok(default) };
    match humantime::parse_duration(&text) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err(ConfigError::Time { key, text }),
    }
}

fn percent(percent: u32) -> Result<u32, ConfigError> {
    if percent <= 100 { Ok(percent) } else { Err(ConfigError::HedgePercent { percent }) }
}
