//! The pagestore daemon: reads its settings, builds, runs.

use std::{net::TcpListener, process::ExitCode};

use catgraft_objects::ObjectStoreConfig;
use catgraft_service::{lifecycle, settings};
use pagestore::{
    Deps, Error,
    config::{Daemon, SETTINGS, Settings},
};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    match settings::from_process::<Settings, Daemon>(&SETTINGS, Daemon::try_from) {
        Ok(daemon) => {
            let log = daemon.log.clone();
            lifecycle::run(SETTINGS.name, &log, |shutdown| serve(daemon, shutdown))
        }
        Err(code) => code,
    }
}

async fn serve(daemon: Daemon, shutdown: CancellationToken) -> Result<(), Error> {
    let address = (daemon.host, daemon.port);
    if daemon.objectstore == ObjectStoreConfig::Memory {
        tracing::warn!("segments are kept in memory and are gone with this process: set objectstore.type");
    }
    let objects = catgraft_objects::open(&daemon.objectstore).await?;
    let pagestore = pagestore::build(daemon.pagestore, Deps::new(objects)).await?;
    let listener = TcpListener::bind(address).map_err(|source| Error::Bind { address: address.into(), source })?;
    pagestore.run(listener, shutdown).await
}
