//! From a catalog that is merely named to one that may be used: migrated where that was asked for, its schema checked.
//!
//! A database that is away at start is waited for: until it is there the metastore answers that it is not.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use catgraft_service::{error::Chain, readiness::ReadinessCheck};

use crate::{
    Error,
    catalog::{self, Location},
    volumes::Volumes,
};

/// How often a database that is away is tried.
const RETRY: Duration = Duration::from_secs(1);

/// Where the catalog is that is to be opened.
pub(crate) struct Place {
    /// None where the catalog was handed in.
    pub(crate) location: Option<Location>,
    /// Is a catalog that was not handed in to be migrated?
    pub(crate) migrate: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => location.fmt(f),
            None => f.write_str("the one handed in"),
        }
    }
}

/// A catalog on its way to be used.
pub(crate) struct Opening {
    pub(crate) place: Place,
    pub(crate) volumes: Arc<Volumes>,
}

impl Opening {
    /// Opens the catalog if its database is there. Another schema than ours is an error.
    pub(crate) async fn try_once(&self) -> Result<(), Error> {
        match self.open().await {
            Ok(()) => Ok(()),
            Err(error @ catalog::Error::Unavailable { .. }) => {
                let error = Chain(&error).to_string();
                tracing::warn!(error, catalog = %self.place, "the catalog is away: waiting for it");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tries until the catalog is open.
    pub(crate) async fn until_open(&self) -> Result<(), Error> {
        while !self.volumes.open.load(Ordering::Acquire) {
            tokio::time::sleep(RETRY).await;
            match self.open().await {
                Ok(()) => tracing::info!(catalog = %self.place, "the catalog is there"),
                Err(catalog::Error::Unavailable { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn open(&self) -> Result<(), catalog::Error> {
        if let Place { location: Some(location), migrate: true } = &self.place {
            let report = catalog::migrate(location, false).await?;
            if !report.steps.is_empty() {
                let (before, after) = (report.before, report.after);
                tracing::info!(catalog = %self.place, %before, %after, "the catalog was migrated");
            }
        }
        self.volumes.catalog.schema_check().await?;
        self.volumes.open.store(true, Ordering::Release);
        Ok(())
    }
}

/// Is the catalog there? For `/ready`.
pub(crate) struct CatalogCheck(pub(crate) Arc<Volumes>);

#[async_trait]
impl ReadinessCheck for CatalogCheck {
    fn name(&self) -> &'static str {
        "catalog"
    }

    async fn check(&self) -> Result<(), String> {
        self.0.catalog.ping().await.map_err(|error| Chain(&error).to_string())?;
        if self.0.open.load(Ordering::Acquire) { Ok(()) } else { Err("its schema was not checked yet".to_owned()) }
    }
}
