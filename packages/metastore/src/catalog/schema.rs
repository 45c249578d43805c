//! The schema's versions: embedded migrations, the lock they run under, and the check at start.
//!
//! Migrations go forward only and each is one transaction. Two processes that migrate at once are safe: the
//! second waits for the first and finds nothing left to do.

use std::fmt;

use sqlx::migrate::{Migrate, Migrator};

use super::{Error, Location, postgres, sqlite};

/// The migrations of the Postgres catalog.
pub(super) static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");
/// The migrations of the embedded catalog.
pub(super) static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Number of the newest migration that a catalog has seen; 0 for an empty database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaVersion(i64);

impl SchemaVersion {
    /// An empty database.
    pub const EMPTY: SchemaVersion = SchemaVersion(0);

    /// The number itself.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The version that a database has which saw these migrations.
    pub(super) fn newest(versions: impl IntoIterator<Item = i64>) -> Self {
        versions.into_iter().max().map_or(Self::EMPTY, Self)
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a run of the migrations did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrateReport {
    /// The version found.
    pub before: SchemaVersion,
    /// The version left behind; after a dry run the one that there would be.
    pub after: SchemaVersion,
    /// The migrations applied, oldest first; after a dry run those that would be.
    pub steps: Vec<MigrateStep>,
    /// Nothing was written.
    pub dry_run: bool,
}

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrateStep {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
}

/// Brings a catalog to the schema of this program, or only says what that would take. A schema that is newer
/// than this program is [`Error::SchemaNewer`].
pub async fn migrate(location: &Location, dry_run: bool) -> Result<MigrateReport, Error> {
    match location {
        Location::Postgres(url) => postgres::migrate(url, dry_run).await,
        Location::Sqlite(path) => sqlite::migrate(path, dry_run).await,
    }
}

/// Compares the migrations that a database has seen with those of this program.
pub(super) fn check(location: &Location, migrator: &Migrator, found: SchemaVersion) -> Result<(), Error> {
    let known = SchemaVersion::newest(migrator.iter().map(|migration| migration.version));
    if found > known {
        return Err(Error::SchemaNewer { location: location.clone(), found, known });
    }
    if found < known {
        let command = migrate_command(location);
        return Err(Error::SchemaOlder { location: location.clone(), found, needed: known, command });
    }
    Ok(())
}

/// The command that brings a catalog to the schema of this program.
fn migrate_command(location: &Location) -> String {
    match location {
        Location::Postgres(url) => format!("catgraft migrate --url '{url}'"),
        Location::Sqlite(path) => format!("catgraft migrate --path '{}'", path.display()),
    }
}

/// What is left to do for a database of this version.
pub(super) fn plan(location: &Location, migrator: &Migrator, before: SchemaVersion) -> Result<MigrateReport, Error> {
    match check(location, migrator, before) {
        Ok(()) | Err(Error::SchemaOlder { .. }) => {}
        Err(error) => return Err(error),
    }
    let pending = migrator.iter().filter(|migration| migration.version > before.0);
    let steps: Vec<MigrateStep> = pending
        .map(|migration| MigrateStep { version: migration.version, description: migration.description.to_string() })
        .collect();
    let after = SchemaVersion::newest(steps.iter().map(|step| step.version).chain([before.0]));
    Ok(MigrateReport { before, after, steps, dry_run: true })
}

/// Runs what is left to do on a connection that holds the lock of its database.
pub(super) async fn run<C: Migrate>(
    location: &Location,
    migrator: &Migrator,
    conn: &mut C,
) -> Result<MigrateReport, Error> {
    let failed = |source| Error::Migrate { location: location.clone(), source };
    conn.ensure_migrations_table(&migrator.table_name).await.map_err(failed)?;
    let applied = conn.list_applied_migrations(&migrator.table_name).await.map_err(failed)?;
    let report = plan(location, migrator, SchemaVersion::newest(applied.iter().map(|seen| seen.version)))?;
    migrator.run_direct(None, conn, false).await.map_err(failed)?;
    Ok(MigrateReport { dry_run: false, ..report })
}
