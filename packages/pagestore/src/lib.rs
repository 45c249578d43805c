//! The pagestore: takes pages and stores them in segments, and reads any page as it was at any LSN.
//!
//! [`build`] and [`Pagestore::run`] are the one wiring that the daemon, `catgraft dev`, tests and benches use.
//! Rooms: `api/` decodes, calls and encodes; `ingest/` brings pages to the store; `index/` knows which segment holds
//! which version of a page; `read/` fetches it; `cache/` keeps what is read again; `orphans/` removes segments that no
//! commit names. No HTTP word below `api/`, no object key outside of `catgraft-objects`, no SQL.

mod api;
mod cache;
mod checks;
pub mod config;
mod error;
mod index;
mod ingest;
mod metrics;
mod orphans;
mod read;

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use catgraft_client::{Endpoint, MetastoreClient, Retry, Transport};
use catgraft_core::{Clock, IdSource, RandomIds, SystemClock};
use catgraft_objects::{Counting, Limited, Limits, ObjectStore};
use catgraft_service::{
    Metrics,
    http::{self, Listener, ServerOptions},
    lifecycle,
    readiness::Readiness,
    room::Room,
};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub use cache::CacheError;
pub use config::Config;
pub use error::Error;

use crate::{
    api::State,
    cache::{PageCache, SegmentCache},
    checks::{MetastoreCheck, ObjectStoreCheck},
    index::VolumeIndexes,
    ingest::{Ingest, Registrar, Sealer, Upload, budget::Budget},
    orphans::{OrphanCounts, Orphans, Pace},
    read::{Fetcher, Reader, SegmentOpener},
};

/// How long a step in the removal of orphans may take: the metastore may have to read long logs for it.
const ORPHANS_TIMEOUT: Duration = Duration::from_secs(600);

/// Makes the way to a metastore on which a call takes no longer than this.
pub type Connect = Arc<dyn Fn(Duration) -> Arc<dyn Transport> + Send + Sync>;

/// What a pagestore is handed: the parts of the world that tests decide.
pub struct Deps {
    /// Tells the time of new segment ids and the validity of tokens.
    pub clock: Arc<dyn Clock>,
    /// Makes segment ids.
    pub ids: Arc<dyn IdSource>,
    /// Where segments are stored.
    pub objects: Arc<dyn ObjectStore>,
    /// The way to the metastore; none means HTTP to the address that is configured.
    pub metastore: Option<Connect>,
}

impl Deps {
    /// The machine's clock and random numbers, this store, and the metastore over HTTP.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(RandomIds), objects, metastore: None }
    }
}

/// A pagestore that is ready to serve.
pub struct Pagestore {
    config: Config,
    clock: Arc<dyn Clock>,
    state: State,
    pages: PageCache,
    ingest_work: JoinHandle<()>,
    /// None where that is off.
    orphans: Option<Orphans>,
    readiness: Readiness,
    metrics: Metrics,
}

/// Makes the parts and joins them. Has to be called on the runtime that is to carry the uploads.
pub async fn build(config: Config, deps: Deps) -> Result<Pagestore, Error> {
    let counting = Counting::new(deps.objects);
    let counts = counting.counts();
    let limits = Limits { gets_max: config.download_concurrency, puts_max: config.write_concurrency };
    let objects: Arc<dyn ObjectStore> = Arc::new(Limited::new(Arc::new(counting), limits));
    let token = config.metastore_token(deps.clock.now());
    let metastore_within = |timeout: Duration| {
        let token = token.as_ref().map(|token| token.expose());
        let endpoint = match &deps.metastore {
            None => Endpoint::new(&config.metastore, token, timeout, Retry::default()),
            Some(connect) => Ok(Endpoint::over(connect(timeout), Retry::default())),
        };
        endpoint.map(MetastoreClient::new)
    };
    let metastore = metastore_within(config.metastore_timeout)?;
    let pages = PageCache::open(config.cache_memory, config.cache_disk.as_ref()).await?;
    let segments = SegmentCache::new(config.segment_index_memory);
    let volumes = Arc::new(VolumeIndexes::new(
        metastore.clone(),
        config.volume_index_memory,
        config.volume_index_folder(),
        config.catalog_update_concurrency.get(),
    ));
    let opener = SegmentOpener { metastore: metastore.clone(), objects: Arc::clone(&objects), cache: segments.clone() };
    let fetcher = Fetcher { objects: Arc::clone(&objects), opener, cache: pages.clone() };
    let sealer = Sealer::new(config.compression);
    let sealed = sealer.counts();
    let upload = Upload {
        sealer,
        objects: Arc::clone(&objects),
        registrar: Registrar::start(metastore.clone()),
        pages: pages.clone(),
        segments: segments.clone(),
        clock: Arc::clone(&deps.clock),
        ids: Arc::clone(&deps.ids),
    };
    let (ingest, ingest_work) = Ingest::start(Arc::new(upload), config.write_concurrency.get(), config.ingest_interval);
    let state = State {
        reader: Arc::new(Reader {
            volumes: Arc::clone(&volumes),
            fetcher,
            pages_in_flight: Room::new(config.read_pages_max(), config.http.queue),
        }),
        ingest,
        budget: Budget::new(config.ingest_memory, config.http.queue),
        requests: Arc::new(AtomicU64::new(0)),
    };
    let metrics = Metrics::new("pagestore", env!("CARGO_PKG_VERSION"));
    let orphans = match config.orphans_interval {
        None => None,
        Some(interval) => Some(Orphans {
            metastore: metastore_within(ORPHANS_TIMEOUT)?,
            objects: Arc::clone(&objects),
            clock: Arc::clone(&deps.clock),
            ids: deps.ids,
            pace: Pace { interval, grace: config.orphans_grace },
            counts: OrphanCounts::register(&metrics),
        }),
    };
    let readiness =
        Readiness::new(vec![Arc::new(MetastoreCheck { metastore }), Arc::new(ObjectStoreCheck { objects })]);
    metrics::register(&metrics, &counts, sealed, pages.clone(), segments, volumes);
    metrics::register_rooms(&metrics, &state);
    Ok(Pagestore { config, clock: deps.clock, state, pages, ingest_work, orphans, readiness, metrics })
}

impl Pagestore {
    /// Serves on this listener until shutdown: then finishes what was accepted, and returns when it is stored.
    pub async fn run(self, listener: impl Into<Listener>, shutdown: CancellationToken) -> Result<(), Error> {
        let state = self.state;
        let options = ServerOptions {
            listener: listener.into(),
            calls: api::CALLS,
            auth: self.config.auth,
            clock: self.clock,
            readiness: self.readiness.clone(),
            metrics: self.metrics,
            limits: self.config.http,
            shutdown: shutdown.clone(),
        };
        let server = http::serve(options, move |config| api::configure(config, state.clone())).map_err(Error::Http)?;
        tracing::info!(address = server.address().map(tracing::field::display), metastore = %self.config.metastore, "pagestore listens");
        let orphans = self.orphans.map(|orphans| AbortOnDropHandle::new(tokio::spawn(orphans.run(shutdown.clone()))));
        let announced = tokio::spawn(lifecycle::notify_when_ready(self.readiness, shutdown));
        server.run().await.map_err(Error::Http)?;
        announced.abort();
        drop(orphans);
        // The server and its handlers are gone, and with them the last way into the queue.
        if let Err(error) = self.ingest_work.await {
            tracing::error!(error = %error, "the ingest queue failed");
        }
        self.pages.close().await;
        Ok(())
    }
}
