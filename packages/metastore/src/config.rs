//! The metastore's settings: their table, the struct that mirrors it, and what it becomes.

use std::{net::IpAddr, path::PathBuf};

use catgraft_core::{ByteSize, limits::RESPONSE_BYTES_MAX};
use catgraft_service::{
    Secret,
    http::{self, Auth, HttpConfig},
    logging::LogConfig,
    settings::{self, AuthConfig, COMMON, HTTP, Invalid, OBJECTSTORE, ServiceSpec, Setting},
};
use serde::Deserialize;

use crate::catalog::{Connections, Location};

/// Most bytes of a request that names segments, unless told otherwise.
const REQUEST_BYTES_MAX: usize = 7 * 1024 * 1024;
// A commit is pulled with the segments that it was made with, so what may be committed must fit an answer.
const _: () = assert!(REQUEST_BYTES_MAX + 1024 <= RESPONSE_BYTES_MAX);

const OWN: &[Setting] = &[
    Setting::port("3001"),
    Setting::integer("catalog_update_concurrency", "Most logs of volumes that are read at a time", "a number above 0")
        .default("16"),
    Setting::text(
        "catalog.path",
        "File of the embedded catalog; without it and catalog.url, it is in a temporary directory",
        "a path",
    ),
    Setting::secret(
        "catalog.url",
        "Postgres database of the catalog, instead of a file",
        "a URL such as postgres://user@host/database or postgres:///database?host=/run/postgresql",
    ),
    Setting::boolean(
        "catalog.migrate",
        "Bring the catalog's schema up to date at start (true for an embedded catalog)",
    ),
    Setting::integer("catalog.min_connections", "Connections to Postgres that are kept open", "a number").default("2"),
    Setting::integer("catalog.max_connections", "Most connections to Postgres", "a number above 0").default("16"),
    Setting::text("limits.request_bytes", "Most bytes of a request that names segments", "a size, at most 7 MiB")
        .default("7 MiB"),
    Setting::integer("limits.commits", "Most commits that are worked on at a time", "a number above 0").default("1024"),
    Setting::integer("limits.heads", "Most volumes whose head is kept in memory for polls", "a number above 0")
        .default("1000000"),
    Setting::text(
        "limits.changes_memory",
        "Memory for what changed in long ranges of commits, for clients that pull after a long time",
        "a size such as 16 MiB",
    )
    .default("16 MiB"),
];

/// The metastore's settings, for flags, variables, files and help.
pub static SETTINGS: ServiceSpec = ServiceSpec {
    name: "metastore",
    about: "Keeps the catalog of CatGraft volumes: their commits, and which segments hold their pages",
    version: env!("CARGO_PKG_VERSION"),
    settings: &[OWN, COMMON, HTTP, OBJECTSTORE],
};

/// The settings as they stand in a file. What stands below `objectstore` is not looked at: the pagestore needs it.
#[derive(Debug, Deserialize)]
pub struct Settings {
    host: IpAddr,
    port: u16,
    catalog_update_concurrency: usize,
    catalog: CatalogSettings,
    limits: LimitsSettings,
    #[serde(default)]
    auth: AuthConfig,
    http: HttpConfig,
    log: LogConfig,
}

#[derive(Debug, Deserialize)]
struct CatalogSettings {
    path: Option<PathBuf>,
    url: Option<Secret>,
    migrate: Option<bool>,
    min_connections: u32,
    max_connections: u32,
}

#[derive(Debug, Deserialize)]
struct LimitsSettings {
    #[serde(deserialize_with = "settings::from_text")]
    request_bytes: ByteSize,
    commits: usize,
    heads: usize,
    #[serde(deserialize_with = "settings::from_text")]
    changes_memory: ByteSize,
}

/// What a daemon needs around its metastore.
#[derive(Debug)]
pub struct Daemon {
    /// Where to listen.
    pub host: IpAddr,
    /// The port, 0 for any free one.
    pub port: u16,
    /// What is logged and how.
    pub log: LogConfig,
    /// The metastore's own part.
    pub metastore: Config,
}

/// What a metastore runs with. The default is what a bare daemon does: an embedded catalog in a temporary directory,
/// and no authentication.
#[derive(Debug, Clone)]
pub struct Config {
    /// The catalog.
    pub catalog: CatalogConfig,
    /// Most logs that are read at a time.
    pub log_reads_max: usize,
    /// Most bytes of a request that names segments, at most 7 MiB.
    pub request_bytes_max: usize,
    /// Most commits that are worked on at a time.
    pub commits_max: usize,
    /// Most volumes whose head is kept in memory.
    pub heads_max: usize,
    /// Memory for what changed in long ranges of commits.
    pub changes_memory: ByteSize,
    /// Who may call.
    pub auth: Auth,
    /// What clients may take.
    pub http: http::Limits,
}

/// Which catalog, and what to do with it at start.
#[derive(Debug, Clone)]
pub struct CatalogConfig {
    /// Where it is; none means a temporary directory that goes with the metastore.
    pub location: Option<Location>,
    /// Bring its schema up to date at start.
    pub migrate: bool,
    /// How connections to Postgres are kept.
    pub connections: Connections,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            catalog: CatalogConfig { location: None, migrate: true, connections: Connections::default() },
            log_reads_max: 16,
            request_bytes_max: REQUEST_BYTES_MAX,
            commits_max: 1024,
            heads_max: 1_000_000,
            changes_memory: ByteSize::from_mib(16),
            auth: Auth::Off,
            http: http::Limits::default(),
        }
    }
}

impl TryFrom<Settings> for Daemon {
    type Error = Invalid;
    fn try_from(settings: Settings) -> Result<Self, Invalid> {
        let Settings { host, port, catalog_update_concurrency, catalog, limits, auth, http, log } = settings;
        let request_bytes_max = limits.request_bytes.as_bytes();
        if request_bytes_max > REQUEST_BYTES_MAX as u64 {
            return Err(Invalid::new("limits.request_bytes", "larger, and clients could not pull what they committed"));
        }
        let metastore = Config {
            catalog: catalog.try_into()?,
            log_reads_max: at_least_one("catalog_update_concurrency", catalog_update_concurrency)?,
            request_bytes_max: usize::try_from(request_bytes_max).expect("7 MiB fit a usize"),
            commits_max: at_least_one("limits.commits", limits.commits)?,
            heads_max: at_least_one("limits.heads", limits.heads)?,
            changes_memory: limits.changes_memory,
            auth: auth.build()?,
            http: http.build()?,
        };
        Ok(Self { host, port, log, metastore })
    }
}

impl TryFrom<CatalogSettings> for CatalogConfig {
    type Error = Invalid;
    fn try_from(settings: CatalogSettings) -> Result<Self, Invalid> {
        let CatalogSettings { path, url, migrate, min_connections, max_connections } = settings;
        at_least_one("catalog.max_connections", max_connections as usize)?;
        if min_connections > max_connections {
            return Err(Invalid::new("catalog.min_connections", "more than catalog.max_connections"));
        }
        let location = match (path, url) {
            (Some(_), Some(_)) => return Err(Invalid::new("catalog.path", "given together with catalog.url")),
            (None, Some(url)) => Some(
                // What is wrong with the URL may quote it, and with it a password.
                Location::postgres(url.expose()).map_err(|error| Invalid::new("catalog.url", error.to_string()))?,
            ),
            (Some(path), None) => Some(Location::sqlite(path)),
            (None, None) => None,
        };
        let is_embedded = !matches!(location, Some(Location::Postgres(_)));
        let connections = Connections { min: min_connections, max: max_connections, ..Connections::default() };
        Ok(Self { location, migrate: migrate.unwrap_or(is_embedded), connections })
    }
}

fn at_least_one(key: &str, value: usize) -> Result<usize, Invalid> {
    if value >= 1 { Ok(value) } else { Err(Invalid::new(key, format!("{value} is below 1"))) }
}
