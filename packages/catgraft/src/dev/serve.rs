//! Both services in one process, wired as their daemons wire them.
//!
//! Order: the metastore is built first, because the pagestore asks it; the pagestore stops first, because what it is
//! still uploading has to be registered.

use std::{net::TcpListener, path::PathBuf};

use catgraft_objects::ObjectStoreConfig;
use catgraft_service::{
    http::Auth,
    settings::{SettingsError, with_defaults},
};
use metastore::catalog::Location;
use pagestore::config::{Daemon, SETTINGS, Settings};
use tokio_util::sync::CancellationToken;

/// What is to be served, and where.
pub(super) struct Plan {
    /// Where the metastore listens.
    pub(super) metastore: TcpListener,
    /// The address of this listener.
    pub(super) metastore_url: String,
    /// Where the pagestore listens.
    pub(super) pagestore: TcpListener,
    /// File of the catalog.
    pub(super) catalog: PathBuf,
    /// Folder of the objects.
    pub(super) objects: PathBuf,
    /// Who may call.
    pub(super) auth: Auth,
}

/// Why serving did not begin, or ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The metastore did not start, or failed.
    #[error("the metastore failed")]
    Metastore(#[source] Box<metastore::Error>),
    /// The pagestore's defaults are refused, which is a bug.
    #[error("the pagestore's settings are refused")]
    Settings(#[source] SettingsError),
    /// The folder of the objects cannot be used.
    #[error("the object store cannot be opened")]
    Objects(#[source] catgraft_objects::Error),
    /// The pagestore did not start, or failed.
    #[error("the pagestore failed")]
    Pagestore(#[source] pagestore::Error),
    /// Nobody can be told the addresses.
    #[error("{0:#}")]
    Greet(anyhow::Error),
}

/// Builds both, says that they are up, and serves until shutdown or until one of them fails.
pub(super) async fn serve(
    plan: Plan,
    shutdown: CancellationToken,
    greet: impl FnOnce() -> anyhow::Result<()>,
) -> Result<(), Error> {
    let metastore = build_metastore(&plan).await?;
    let pagestore = build_pagestore(&plan).await?;
    greet().map_err(Error::Greet)?;
    // Each takes the other along when it ends, however it ends; the signal goes to the pagestore alone.
    let (pagestore_stop, metastore_stop) = (shutdown, CancellationToken::new());
    let metastore = async {
        let ended = metastore.run(plan.metastore, metastore_stop.clone()).await;
        pagestore_stop.cancel();
        ended.map_err(metastore_failed)
    };
    let pagestore = async {
        let ended = pagestore.run(plan.pagestore, pagestore_stop.clone()).await;
        metastore_stop.cancel();
        ended.map_err(Error::Pagestore)
    };
    let (metastore, pagestore) = tokio::join!(metastore, pagestore);
    metastore.and(pagestore)
}

async fn build_metastore(plan: &Plan) -> Result<metastore::Metastore, Error> {
    let mut config = metastore::Config::default();
    config.catalog.location = Some(Location::sqlite(&plan.catalog));
    config.catalog.migrate = true;
    config.auth = plan.auth.clone();
    metastore::build(config, metastore::Deps::default()).await.map_err(metastore_failed)
}

async fn build_pagestore(plan: &Plan) -> Result<pagestore::Pagestore, Error> {
    let given = [("metastore", plan.metastore_url.as_str())];
    let daemon = with_defaults::<Settings, Daemon>(&SETTINGS, &given, Daemon::try_from).map_err(Error::Settings)?;
    let config = pagestore::Config { auth: plan.auth.clone(), ..daemon.pagestore };
    let objects = ObjectStoreConfig::Fs { root: plan.objects.clone() };
    let objects = catgraft_objects::open(&objects).await.map_err(Error::Objects)?;
    pagestore::build(config, pagestore::Deps::new(objects)).await.map_err(Error::Pagestore)
}

fn metastore_failed(error: metastore::Error) -> Error {
    Error::Metastore(Box::new(error))
}
