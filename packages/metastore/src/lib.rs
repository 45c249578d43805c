//! The metastore: the truth about volumes, commits and segments, and the one place where a commit is decided.
//!
//! [`build`] and [`Metastore::run`] are the one wiring that the daemon, `catgraft dev`, tests and benches use.
//! Rooms: `api/` decodes, calls and encodes; `volumes/` is what the calls mean; [`commit`] decides, without I/O;
//! [`catalog`] holds all SQL; [`heads`] answers idle polls from memory; [`orphans`] finds segments that no commit names. No
//! HTTP word below `api/`, no SQL outside of `catalog/`.

mod api;
pub mod catalog;
pub mod commit;
pub mod config;
mod error;
pub mod heads;
mod metrics;
mod open;
pub mod orphans;
mod volumes;

use std::sync::{Arc, atomic::AtomicBool};

use catgraft_core::{Clock, SystemClock};
use catgraft_service::{
    Metrics,
    http::{self, Listener, ServerOptions},
    lifecycle,
    readiness::Readiness,
    room::Room,
};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub use config::{CatalogConfig, Config};
pub use error::Error;

use crate::{
    api::State,
    catalog::{Catalog, Location},
    heads::{
        Heads,
        follow::{self, Announcer, Pace},
    },
    metrics::Counts,
    open::{CatalogCheck, Opening, Place},
    volumes::{ChangedPages, Volumes},
};

/// What a metastore is handed: the parts of the world that tests decide.
pub struct Deps {
    /// Tells the time of commits and the validity of tokens.
    pub clock: Arc<dyn Clock>,
    /// How often the heads in memory are brought in step.
    pub pace: Pace,
    /// The catalog, opened already; none means the one that is configured.
    pub catalog: Option<Arc<dyn Catalog>>,
}

impl Default for Deps {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), pace: Pace::default(), catalog: None }
    }
}

/// A metastore that is ready to serve.
pub struct Metastore {
    config: Config,
    clock: Arc<dyn Clock>,
    volumes: Arc<Volumes>,
    opening: Opening,
    readiness: Readiness,
    metrics: Metrics,
    _follower: Option<AbortOnDropHandle<()>>,
    /// Removed with the metastore.
    _temporary: Option<TempDir>,
}

/// Opens the catalog and joins the parts. A Postgres that is away is waited for while the metastore runs; a schema that
/// is not this program's is an error. Has to be called on the runtime that is to carry the background work.
pub async fn build(config: Config, deps: Deps) -> Result<Metastore, Error> {
    let (catalog, location, temporary) = match deps.catalog {
        Some(catalog) => (catalog, None, None),
        None => {
            let (location, temporary) = locate(&config)?;
            (catalog::open(&location, config.catalog.connections).await?, Some(location), temporary)
        }
    };
    let heads = Arc::new(Heads::new(config.heads_max));
    let metrics = Metrics::new("metastore", env!("CARGO_PKG_VERSION"));
    let announcer = catalog.is_shared().then(|| Arc::new(Announcer::default()));
    let follower = match &announcer {
        Some(announcer) => Some(AbortOnDropHandle::new(tokio::spawn(follow::run(
            Arc::clone(&catalog),
            Arc::clone(&heads),
            Arc::clone(announcer),
            deps.pace,
        )))),
        None => {
            heads.trust();
            None
        }
    };
    let changed = Arc::new(ChangedPages::new(config.changes_memory));
    let commits = Room::new(config.commits_max, config.http.queue);
    let volumes = Arc::new(Volumes {
        catalog,
        open: AtomicBool::new(false),
        counts: Counts::register(&metrics, &heads, &changed, &commits),
        heads,
        changed,
        announcer,
        clock: Arc::clone(&deps.clock),
        log_reads: Room::new(config.log_reads_max, config.http.queue),
        orphan_calls: Room::new(1, config.http.queue),
        commits,
    });
    let place = Place { location, migrate: config.catalog.migrate };
    let opening = Opening { place, volumes: Arc::clone(&volumes) };
    opening.try_once().await?;
    let readiness = Readiness::new(vec![Arc::new(CatalogCheck(Arc::clone(&volumes)))]);
    Ok(Metastore {
        config,
        clock: deps.clock,
        volumes,
        opening,
        readiness,
        metrics,
        _follower: follower,
        _temporary: temporary,
    })
}

fn locate(config: &Config) -> Result<(Location, Option<TempDir>), Error> {
    if let Some(location) = &config.catalog.location {
        return Ok((location.clone(), None));
    }
    let folder = tempfile::Builder::new().prefix("catgraft-").tempdir().map_err(Error::Temporary)?;
    tracing::warn!(
        path = %folder.path().display(),
        "no catalog is configured: it is in a temporary directory and will be gone when this program ends"
    );
    Ok((Location::sqlite(folder.path().join("catalog.sqlite")), Some(folder)))
}

impl Metastore {
    /// Serves on this listener until shutdown: then finishes what was accepted, and returns when it is stored.
    pub async fn run(self, listener: impl Into<Listener>, shutdown: CancellationToken) -> Result<(), Error> {
        let state = State { volumes: Arc::clone(&self.volumes), request_bytes_max: self.config.request_bytes_max };
        let stop = shutdown.child_token();
        let options = ServerOptions {
            listener: listener.into(),
            calls: api::CALLS,
            auth: self.config.auth,
            clock: self.clock,
            readiness: self.readiness.clone(),
            metrics: self.metrics,
            limits: self.config.http,
            shutdown: stop.clone(),
        };
        let server = http::serve(options, move |config| api::configure(config, state.clone())).map_err(Error::Http)?;
        tracing::info!(address = server.address().map(tracing::field::display), catalog = %self.opening.place, "metastore listens");
        let opened = async {
            let outcome = self.opening.until_open().await;
            match outcome {
                Ok(()) => lifecycle::notify_when_ready(self.readiness.clone(), stop.clone()).await,
                Err(_) => stop.cancel(),
            }
            outcome
        };
        // Opening goes on for as long as the server does, and no longer; a schema that is not ours ends both.
        let mut refused = Ok(());
        let serving = async {
            let served = server.run().await;
            stop.cancel();
            served
        };
        let waiting = async {
            tokio::select! {
                biased;
                outcome = opened => refused = outcome,
                () = stop.cancelled() => {}
            }
        };
        let (served, ()) = tokio::join!(serving, waiting);
        self.volumes.close().await;
        refused?;
        served.map_err(Error::Http)
    }
}
