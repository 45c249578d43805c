//! Migrations of an embedded catalog. The lock is SQLite's own: the whole run is one transaction that holds the file's
//! write lock from its beginning.

use std::path::Path;

use sqlx::{Connection, SqlitePool};

use super::{error::outward, file};
use crate::catalog::{
    Error, Location, MigrateReport, SchemaVersion,
    schema::{SQLITE, plan, run},
};

const MIGRATING: &str = "migrating the catalog";
const LOOKING: &str = "looking at the catalog's schema";

/// The version that the file has.
pub(super) async fn schema_version(reads: &SqlitePool) -> Result<SchemaVersion, Error> {
    /// The newest migration that succeeded; the table of migrations is missing in an empty file.
    const TABLE: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'";
    const VERSION: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";
    let failed = |error| outward(LOOKING, error);
    let tables: i64 = sqlx::query_scalar(TABLE).fetch_one(reads).await.map_err(failed)?;
    if tables == 0 {
        return Ok(SchemaVersion::EMPTY);
    }
    let version: Option<i64> = sqlx::query_scalar(VERSION).fetch_one(reads).await.map_err(failed)?;
    Ok(SchemaVersion::newest(version))
}

/// Migrates the file, which is made where it is missing, or says what there is to do.
pub(in crate::catalog) async fn migrate(path: &Path, dry_run: bool) -> Result<MigrateReport, Error> {
    let location = Location::Sqlite(path.to_owned());
    let failed = |error| outward(MIGRATING, error);
    if dry_run {
        let before = match file::must_exist(path) {
            Ok(()) => schema_version(&file::readers(path, 1)).await?,
            Err(_) => SchemaVersion::EMPTY,
        };
        return plan(&location, &SQLITE, before);
    }
    file::make_folder(path)?;
    let mut connection = file::open_to_write(path).await.map_err(failed)?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let report = run(&location, &SQLITE, &mut *transaction).await?;
    transaction.commit().await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(report)
}
