//! Which catalog a command works on: named on the command line, or the one that the metastore here is set to.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use catgraft_service::{
    Secret,
    settings::{self, Start},
};
use clap::Args;
use metastore::{
    catalog::Location,
    config::{Daemon, SETTINGS, Settings},
};

use crate::{surroundings::surroundings_of, tokens::parse_secret};

/// The catalog. Without any of these options it is the one of the metastore's own settings: METASTORE_ variables and the
/// metastore.toml of the working directory. Flattened last in a command: its heading holds for all options that follow.
#[derive(Debug, Args)]
#[command(next_help_heading = "Catalog (otherwise as METASTORE_ variables or ./metastore.toml say)")]
pub(crate) struct CatalogArgs {
    /// Postgres catalog, such as postgres://user@host/database. Command lines are visible to every user of a
    /// machine: give a URL with a password by --url-file
    #[arg(long, value_name = "URL", group = "catalog", value_parser = parse_secret)]
    url: Option<Secret>,
    /// File that holds the URL of a Postgres catalog
    #[arg(long, value_name = "FILE", group = "catalog")]
    url_file: Option<PathBuf>,
    /// Embedded catalog in this file; that of `catgraft dev` is .catgraft/catalog.sqlite
    #[arg(long, value_name = "FILE", group = "catalog")]
    path: Option<PathBuf>,
    /// The catalog of the metastore with this configuration file
    #[arg(long, value_name = "FILE", group = "catalog")]
    config: Option<PathBuf>,
}

impl CatalogArgs {
    /// Where the catalog is.
    pub(crate) fn location(&self) -> Result<Location> {
        if let Some(url) = &self.url {
            return postgres(url.expose()).context("--url");
        }
        if let Some(path) = &self.url_file {
            let url = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            return postgres(url.trim()).with_context(|| format!("the URL in {}", path.display()));
        }
        if let Some(path) = &self.path {
            return Ok(Location::sqlite(path));
        }
        self.location_of_settings()
    }

    fn location_of_settings(&self) -> Result<Location> {
        let surroundings = surroundings_of(SETTINGS.name, self.config.as_ref());
        let Start::Run(daemon) = settings::load::<Settings, Daemon>(&SETTINGS, &surroundings, Daemon::try_from)? else {
            bail!("the settings of the metastore were printed instead of read");
        };
        daemon.metastore.catalog.location.context(
            "no catalog is named: give --path, --url, --url-file or --config, or set METASTORE_CATALOG__PATH or \
             METASTORE_CATALOG__URL",
        )
    }
}

/// What is wrong with a URL in detail may quote it, and with it a password: the causes are left out.
fn postgres(url: &str) -> Result<Location> {
    Location::postgres(url).map_err(|error| anyhow!("{error}"))
}
