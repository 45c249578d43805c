//! The pagestore's settings: their table, the struct that mirrors it, and what it becomes.

use std::{env, net::IpAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use catgraft_core::{
    ByteSize, PAGE_SIZE, Timestamp,
    limits::{ORPHAN_GRACE_MIN, READ_PAGES_MAX},
};
use catgraft_objects::ObjectStoreConfig;
use catgraft_segment::Compression;
use catgraft_service::{
    Secret,
    http::{self, Auth, HttpConfig},
    logging::LogConfig,
    settings::{self, AuthConfig, COMMON, HTTP, Invalid, OBJECTSTORE, ServiceSpec, Setting},
    token::Role,
};
use serde::Deserialize;

pub use crate::cache::DiskOptions;

/// How long a call to the metastore may take. A client waits 60 s for us.
const METASTORE_TIMEOUT: Duration = Duration::from_secs(20);
/// How much earlier than now our own token is valid, for a metastore whose clock is behind.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

const OWN: &[Setting] = &[
    Setting::port("3000"),
    Setting::text("metastore", "Address of the metastore", "a URL such as http://127.0.0.1:3001")
        .default("http://127.0.0.1:3001"),
    Setting::secret(
        "token",
        "Token for the metastore, of the role pagestore; not needed where auth.key is set",
        "a token made by `catgraft token --role pagestore`",
    ),
    Setting::integer(
        "catalog_update_concurrency",
        "Most commit logs that are read from the metastore at a time",
        "a number above 0",
    )
    .default("16"),
    Setting::integer("download_concurrency", "Most reads of the object store at a time", "a number above 0")
        .default("32"),
    Setting::integer("write_concurrency", "Most uploads to the object store at a time; beside two of them, or one that is quick, small ones are gathered", "a number above 0")
        .default("8"),
    Setting::text("catalog.path", "Taken for Graft's sake and not needed: the catalog is the metastore's", "a path"),
    Setting::text("cache.path", "Folder of the disk cache; without it, pages are cached in memory only", "a path"),
    Setting::text("cache.space_limit", "Most disk space of the cache", "a size such as 1 GB, at least 512 KiB")
        .default("1 GB"),
    Setting::integer("cache.open_limit", "Most files that the disk cache keeps open", "a number above 1")
        .default("128"),
    Setting::text("cache.memory_limit", "Memory for pages that are read again", "a size such as 64 MiB")
        .default("64 MiB"),
    Setting::text(
        "index.volume_memory",
        "Memory for the indexes of volumes; what is too large for it goes to a file in cache.path, or in TMPDIR",
        "a size such as 32 MiB",
    )
    .default("32 MiB"),
    Setting::text("index.segment_memory", "Memory for the indexes of segments", "a size such as 32 MiB")
        .default("24 MiB"),
    Setting::text("read.memory", "Memory for pages on their way to clients", "a size, at least 16 MiB")
        .default("64 MiB"),
    Setting::text(
        "ingest.interval",
        "Least time between uploads that are not full, where every upload costs money: pushes take longer, and share them",
        "a time such as 0s or 250ms",
    )
    .default("0s"),
    Setting::text(
        "ingest.memory",
        "Memory for pages on their way to the object store; compressed copies take up to as much again",
        "a size, at least 1 MiB",
    )
    .default("32 MiB"),
    Setting::text("ingest.compression", "How pages are stored where that makes them smaller", "lz4 or none")
        .default("lz4"),
    Setting::text(
        "orphans.interval",
        "Time between two searches for segments that no commit names; 0s for none",
        "a time such as 6h",
    )
    .default("6h"),
    Setting::text(
        "orphans.grace",
        "How long such a segment is left alone before commits may no longer name it, and again before it is removed",
        "a time, at least 1h",
    )
    .default("24h"),
];

/// The pagestore's settings, for flags, variables, files and help.
pub static SETTINGS: ServiceSpec = ServiceSpec {
    name: "pagestore",
    about: "Takes pages of CatGraft volumes, keeps them in segments in an object store, and reads them at any LSN",
    version: env!("CARGO_PKG_VERSION"),
    settings: &[OWN, COMMON, HTTP, OBJECTSTORE],
};

/// The settings as they stand in a file.
#[derive(Debug, Deserialize)]
pub struct Settings {
    host: IpAddr,
    port: u16,
    metastore: String,
    token: Option<Secret>,
    catalog_update_concurrency: NonZeroUsize,
    download_concurrency: NonZeroUsize,
    write_concurrency: NonZeroUsize,
    cache: CacheSettings,
    index: IndexSettings,
    read: ReadSettings,
    ingest: IngestSettings,
    orphans: OrphansSettings,
    objectstore: ObjectStoreConfig,
    #[serde(default)]
    auth: AuthConfig,
    http: HttpConfig,
    log: LogConfig,
}

#[derive(Debug, Deserialize)]
struct CacheSettings {
    path: Option<PathBuf>,
    #[serde(deserialize_with = "settings::from_text")]
    space_limit: ByteSize,
    open_limit: u32,
    #[serde(deserialize_with = "settings::from_text")]
    memory_limit: ByteSize,
}

#[derive(Debug, Deserialize)]
struct IndexSettings {
    #[serde(deserialize_with = "settings::from_text")]
    volume_memory: ByteSize,
    #[serde(deserialize_with = "settings::from_text")]
    segment_memory: ByteSize,
}

#[derive(Debug, Deserialize)]
struct ReadSettings {
    #[serde(deserialize_with = "settings::from_text")]
    memory: ByteSize,
}

#[derive(Debug, Deserialize)]
struct IngestSettings {
    #[serde(deserialize_with = "settings::from_text")]
    interval: humantime::Duration,
    #[serde(deserialize_with = "settings::from_text")]
    memory: ByteSize,
    #[serde(deserialize_with = "settings::from_text")]
    compression: Compression,
}

#[derive(Debug, Deserialize)]
struct OrphansSettings {
    #[serde(deserialize_with = "settings::from_text")]
    interval: humantime::Duration,
    #[serde(deserialize_with = "settings::from_text")]
    grace: humantime::Duration,
}

/// What a daemon needs around its pagestore.
#[derive(Debug)]
pub struct Daemon {
    /// Where to listen.
    pub host: IpAddr,
    /// The port, 0 for any free one.
    pub port: u16,
    /// What is logged and how.
    pub log: LogConfig,
    /// The object store to open.
    pub objectstore: ObjectStoreConfig,
    /// The pagestore's own part.
    pub pagestore: Config,
}

/// What a pagestore runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the metastore.
    pub metastore: String,
    /// Token for the metastore.
    pub token: Option<Secret>,
    /// How long one call to the metastore may take.
    pub metastore_timeout: Duration,
    /// Most commit logs that are read at a time.
    pub catalog_update_concurrency: NonZeroUsize,
    /// Most reads of the object store at a time.
    pub download_concurrency: NonZeroUsize,
    /// Most uploads at a time.
    pub write_concurrency: NonZeroUsize,
    /// The disk cache, where there is one.
    pub cache_disk: Option<DiskOptions>,
    /// Memory of the page cache.
    pub cache_memory: ByteSize,
    /// Memory of the segments' indexes.
    pub segment_index_memory: ByteSize,
    /// Memory of the volumes' indexes.
    pub volume_index_memory: ByteSize,
    /// Memory of pages on their way to clients.
    pub read_memory: ByteSize,
    /// Least time between uploads that are not full.
    pub ingest_interval: Duration,
    /// Memory of pages that are not stored yet.
    pub ingest_memory: ByteSize,
    /// How pages are stored.
    pub compression: Compression,
    /// Time between two searches for segments that no commit names; none for no search.
    pub orphans_interval: Option<Duration>,
    /// For how long such a segment is left alone.
    pub orphans_grace: Duration,
    /// Who may call.
    pub auth: Auth,
    /// What clients may take.
    pub http: http::Limits,
}

/// What a page on its way to a client takes at most: as it is cached, in the answer, and in the compressed answer.
const READ_PAGE_BYTES: u64 = 3 * PAGE_SIZE as u64;
// The largest request fits the least memory.
const _: () = assert!(READ_PAGES_MAX * READ_PAGE_BYTES <= ByteSize::from_mib(16).as_bytes());

impl Config {
    /// Pages that may be on their way to clients at one time.
    pub(crate) fn read_pages_max(&self) -> usize {
        let pages = self.read_memory.as_bytes() / READ_PAGE_BYTES;
        usize::try_from(pages.max(READ_PAGES_MAX)).unwrap_or(usize::MAX)
    }

    /// Where the file is that has what of the volumes' indexes is too large for memory: in the cache, and without one in the
    /// system's folder for temporary files.
    pub(crate) fn volume_index_folder(&self) -> PathBuf {
        self.cache_disk.as_ref().map_or_else(env::temp_dir, |disk| disk.path.clone())
    }

    /// The token that goes to the metastore. With the key at hand, a pagestore makes its own.
    pub(crate) fn metastore_token(&self, now: Timestamp) -> Option<Secret> {
        match &self.auth {
            Auth::Required(key) => {
                let skew = u64::try_from(CLOCK_SKEW.as_millis()).unwrap_or_default();
                let from = Timestamp::from_millis(now.as_millis().saturating_sub(skew));
                Some(Secret::new(key.issue("pagestore", Some(Role::Pagestore), None, from)))
            }
            Auth::Off => self.token.clone(),
        }
    }
}

impl TryFrom<Settings> for Daemon {
    type Error = Invalid;
    fn try_from(settings: Settings) -> Result<Self, Invalid> {
        let Settings { cache, index, read, ingest, orphans, .. } = settings;
        at_least("cache.open_limit", cache.open_limit.into(), 2)?;
        at_least("read.memory", read.memory.as_bytes(), ByteSize::from_mib(16).as_bytes())?;
        at_least("ingest.memory", ingest.memory.as_bytes(), ByteSize::from_mib(1).as_bytes())?;
        if *orphans.grace < ORPHAN_GRACE_MIN {
            return Err(Invalid::new("orphans.grace", format!("{} is below 1h", orphans.grace)));
        }
        let cache_disk =
            cache.path.map(|path| DiskOptions { path, space_limit: cache.space_limit, open_limit: cache.open_limit });
        if let Some(disk) = &cache_disk {
            disk.check().map_err(|error| Invalid::new("cache.space_limit", error.to_string()))?;
        }
        let pagestore = Config {
            metastore: settings.metastore,
            token: settings.token,
            metastore_timeout: METASTORE_TIMEOUT,
            catalog_update_concurrency: settings.catalog_update_concurrency,
            download_concurrency: settings.download_concurrency,
            write_concurrency: settings.write_concurrency,
            cache_disk,
            cache_memory: cache.memory_limit,
            segment_index_memory: index.segment_memory,
            volume_index_memory: index.volume_memory,
            read_memory: read.memory,
            ingest_interval: ingest.interval.into(),
            ingest_memory: ingest.memory,
            compression: ingest.compression,
            orphans_interval: Some(*orphans.interval).filter(|interval| !interval.is_zero()),
            orphans_grace: *orphans.grace,
            auth: settings.auth.build()?,
            http: settings.http.build()?,
        };
        catgraft_client::check_url(&pagestore.metastore)
            .map_err(|error| Invalid::new("metastore", error.to_string()))?;
        Ok(Self {
            host: settings.host,
            port: settings.port,
            log: settings.log,
            objectstore: settings.objectstore,
            pagestore,
        })
    }
}

fn at_least(key: &str, value: u64, least: u64) -> Result<(), Invalid> {
    if value >= least { Ok(()) } else { Err(Invalid::new(key, format!("{value} is below {least}"))) }
}
