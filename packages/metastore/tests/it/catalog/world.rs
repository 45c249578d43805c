//! A fresh, migrated catalog, and a way to tamper with its rows.

use std::{path::PathBuf, sync::Arc};

use catgraft_testkit::postgres::{TestDatabase, database};
use metastore::catalog::{self, Catalog, Connections, Location, Memory};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// A catalog, and what it lives in.
pub(crate) struct World {
    pub(crate) catalog: Arc<dyn Catalog>,
    location: Option<Location>,
    home: Home,
}

/// What a catalog lives in, and goes with.
pub(crate) enum Home {
    Nothing,
    Folder(TempDir),
    Database(TestDatabase),
}

impl World {
    /// A catalog in memory.
    pub(crate) async fn memory() -> Self {
        Self { catalog: Arc::new(Memory::new()), location: None, home: Home::Nothing }
    }

    /// Where its database is.
    pub(crate) fn location(&self) -> &Location {
        self.location.as_ref().expect("a catalog in memory is nowhere else")
    }

    /// An embedded catalog in a folder of its own.
    pub(crate) async fn sqlite() -> Self {
        let (location, home) = Self::empty_sqlite();
        Self::adopt(location, home).await
    }

    /// A catalog in a database of its own.
    pub(crate) async fn postgres() -> Self {
        let (location, home) = Self::empty_postgres().await;
        Self::adopt(location, home).await
    }

    /// A place for an embedded catalog.
    pub(crate) fn empty_sqlite() -> (Location, Home) {
        let folder = tempfile::tempdir().unwrap();
        (Location::sqlite(folder.path().join("catalog.sqlite")), Home::Folder(folder))
    }

    /// An empty database.
    pub(crate) async fn empty_postgres() -> (Location, Home) {
        let database = database().await;
        (Location::postgres(database.url()).unwrap(), Home::Database(database))
    }

    /// Migrates and opens.
    pub(crate) async fn adopt(location: Location, home: Home) -> Self {
        catalog::migrate(&location, false).await.unwrap();
        let catalog = catalog::open(&location, Connections::default()).await.unwrap();
        catalog.schema_check().await.unwrap();
        Self { catalog, location: Some(location), home }
    }

    /// The file of an embedded catalog.
    pub(crate) fn path(&self) -> PathBuf {
        match &self.home {
            Home::Folder(folder) => folder.path().join("catalog.sqlite"),
            Home::Nothing | Home::Database(_) => panic!("it has no file"),
        }
    }

    /// A connection to the database beside the catalog.
    pub(crate) async fn connect(&self) -> PgConnection {
        match &self.home {
            Home::Nothing | Home::Folder(_) => panic!("it is no server"),
            Home::Database(database) => database.connect().await,
        }
    }

    /// Runs a statement beside the catalog, in words that both databases know.
    pub(crate) async fn tamper(&self, statement: &str) {
        match &self.home {
            Home::Nothing => panic!("memory has no rows to tamper with"),
            Home::Folder(_) => {
                let mut connection = SqliteConnection::connect(&self.path().display().to_string()).await.unwrap();
                connection.execute(AssertSqlSafe(statement)).await.unwrap();
            }
            Home::Database(_) => {
                self.connect().await.execute(AssertSqlSafe(statement)).await.unwrap();
            }
        }
    }
}
