//! Which object store a command reads: a folder named on the command line, or the one that the pagestore here is set to.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, bail, ensure};
use catgraft_objects::{ObjectStore, ObjectStoreConfig};
use catgraft_service::settings::{self, Start};
use clap::Args;
use pagestore::config::{Daemon, SETTINGS, Settings};

use crate::surroundings::surroundings_of;

/// The object store. Without any of these options it is the one of the pagestore's own settings: PAGESTORE_ variables and
/// the pagestore.toml of the working directory. Flattened last in a command: its heading holds for all
/// options that follow.
#[derive(Debug, Args)]
#[command(next_help_heading = "Object store (otherwise as PAGESTORE_ variables or ./pagestore.toml say)")]
pub(crate) struct StoreArgs {
    /// Folder of a store of type fs; that of `catgraft dev` is .catgraft/objects
    #[arg(long, value_name = "DIR", group = "store")]
    root: Option<PathBuf>,
    /// The store of the pagestore with this configuration file
    #[arg(long, value_name = "FILE", group = "store")]
    config: Option<PathBuf>,
}

/// The same for a command that takes a catalog as well, whose `--config` is the metastore's.
#[derive(Debug, Args)]
#[command(next_help_heading = "Object store (otherwise as PAGESTORE_ variables or ./pagestore.toml say)")]
pub(crate) struct StoreBesideCatalogArgs {
    /// Folder of a store of type fs; that of `catgraft dev` is .catgraft/objects
    #[arg(long, value_name = "DIR", group = "store")]
    root: Option<PathBuf>,
    /// The store of the pagestore with this configuration file
    #[arg(long, value_name = "FILE", group = "store")]
    store_config: Option<PathBuf>,
}

impl StoreArgs {
    /// Opens the store, which has to be there already.
    pub(crate) async fn open(&self) -> Result<Arc<dyn ObjectStore>> {
        Choice { root: self.root.as_ref(), config: self.config.as_ref(), config_flag: "--config" }.open().await
    }
}

impl StoreBesideCatalogArgs {
    /// Opens the store, which has to be there already.
    pub(crate) async fn open(&self) -> Result<Arc<dyn ObjectStore>> {
        let (root, config) = (self.root.as_ref(), self.store_config.as_ref());
        Choice { root, config, config_flag: "--store-config" }.open().await
    }
}

/// What a command line says of the store.
struct Choice<'a> {
    root: Option<&'a PathBuf>,
    config: Option<&'a PathBuf>,
    /// The flag that `config` is given by.
    config_flag: &'static str,
}

impl Choice<'_> {
    async fn open(&self) -> Result<Arc<dyn ObjectStore>> {
        let config = match self.root {
            Some(root) => ObjectStoreConfig::Fs { root: root.clone() },
            None => self.config_of_settings()?,
        };
        match &config {
            ObjectStoreConfig::Memory => bail!(
                "no object store is named: give --root or {}, or set PAGESTORE_OBJECTSTORE__TYPE \
                 (what a pagestore keeps in memory cannot be read from outside)",
                self.config_flag
            ),
            // Opening makes the folder, and who only looks should not.
            ObjectStoreConfig::Fs { root } => ensure!(root.is_dir(), "there is no folder {}", root.display()),
            ObjectStoreConfig::S3Compatible(_) => {}
        }
        catgraft_objects::open(&config).await.context("cannot open the object store")
    }

    fn config_of_settings(&self) -> Result<ObjectStoreConfig> {
        let surroundings = surroundings_of(SETTINGS.name, self.config);
        match settings::load::<Settings, Daemon>(&SETTINGS, &surroundings, Daemon::try_from)? {
            Start::Run(daemon) => Ok(daemon.objectstore),
            Start::Print(_) => bail!("the settings of the pagestore were printed instead of read"),
        }
    }
}
