//! Migrations of a Postgres catalog, under the advisory lock that sqlx takes for its database.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Row, migrate::Migrate};
use tokio::time::timeout;

use super::{error::outward, pool::Pool, url::PostgresUrl};
use crate::catalog::{
    Error, Location, MigrateReport, SchemaVersion,
    rows::damaged,
    schema::{POSTGRES, plan, run},
};

/// How long a server may take to accept a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);

const MIGRATING: &str = "migrating the catalog";
const LOOKING: &str = "looking at the catalog's schema";

/// The newest migration that succeeded; the table of migrations is missing in an empty database.
const VERSION_TABLE: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS present";
const VERSION: &str = "SELECT max(version) AS version FROM _sqlx_migrations WHERE success";

/// The version that the database has.
pub(super) async fn schema_version(pool: &Pool) -> Result<SchemaVersion, Error> {
    let present = pool.fetch_optional(LOOKING, || sqlx::query(VERSION_TABLE)).await?;
    if !present.map_or(Ok(false), |row| row.try_get("present")).map_err(damaged(LOOKING))? {
        return Ok(SchemaVersion::EMPTY);
    }
    let row = pool.fetch_optional(LOOKING, || sqlx::query(VERSION)).await?;
    let version: Option<i64> = row.map_or(Ok(None), |row| row.try_get("version")).map_err(damaged(LOOKING))?;
    Ok(SchemaVersion::newest(version))
}

/// Migrates the database, or says what there is to do.
pub(in crate::catalog) async fn migrate(url: &PostgresUrl, dry_run: bool) -> Result<MigrateReport, Error> {
    let location = Location::Postgres(url.clone());
    let connecting = timeout(CONNECT_MAX, url.options().connect()).await;
    let connecting = connecting.map_err(|late| Error::Unavailable { doing: MIGRATING, source: late.into() })?;
    let mut connection = connecting.map_err(|error| outward(MIGRATING, error))?;
    if dry_run {
        let before = version_of(&mut connection).await.map_err(|error| outward(MIGRATING, error))?;
        return plan(&location, &POSTGRES, before);
    }
    // The lock is the session's and ends with the connection, also where a migration fails.
    connection.lock().await.map_err(|source| Error::Migrate { location: location.clone(), source })?;
    let report = run(&location, &POSTGRES, &mut connection).await?;
    connection.close().await.map_err(|error| outward(MIGRATING, error))?;
    Ok(report)
}

async fn version_of(connection: &mut sqlx::PgConnection) -> Result<SchemaVersion, sqlx::Error> {
    if !sqlx::query_scalar(VERSION_TABLE).fetch_one(&mut *connection).await? {
        return Ok(SchemaVersion::EMPTY);
    }
    let version: Option<i64> = sqlx::query_scalar(VERSION).fetch_one(&mut *connection).await?;
    Ok(SchemaVersion::newest(version))
}
