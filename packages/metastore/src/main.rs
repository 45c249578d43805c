//! The metastore daemon: reads its settings, builds, runs.

use std::{net::TcpListener, process::ExitCode};

use catgraft_service::{lifecycle, settings};
use metastore::{
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
    // A database that does not answer must not keep the program from being stopped.
    let metastore = tokio::select! {
        built = metastore::build(daemon.metastore, Deps::default()) => built?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let listener = TcpListener::bind(address).map_err(|source| Error::Bind { address: address.into(), source })?;
    metastore.run(listener, shutdown).await
}
