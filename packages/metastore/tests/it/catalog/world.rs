//! A fresh, migrated catalog, and a way to tamper with its rows.

use std::{path::PathBuf, sync::Arc};

use catgraft_testkit::postgres::{TestDatabase, database};
use metastore::catalog::{self, Catalog, Connections, Location};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};
use tempfile::TempDir;

/// A catalog, and what it lives in.
pub(crate) struct World {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) location: Location,
    home: Home,
}

enum Home {
    Folder(TempDir),
    Database(TestDatabase),
}

impl World {
    /// An embedded catalog in a folder of its own.
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::sqlite(folder.path().join("catalog.sqlite"));
        Self::open(location, Home::Folder(folder)).await
    }

    /// A catalog in a database of its own.
    pub(crate) async fn postgres() -> Self {
        let database = database().await;
        let location = Location::postgres(database.url()).unwrap();
        Self::open(location, Home::Database(database)).await
    }

    async fn open(location: Location, home: Home) -> Self {
        catalog::migrate(&location, false).await.unwrap();
        let catalog = catalog::open(&location, Connections::default()).await.unwrap();
        catalog.schema_check().await.unwrap();
        Self { catalog, location, home }
    }

    /// The file of an embedded catalog.
    pub(crate) fn path(&self) -> PathBuf {
        match &self.home {
            Home::Folder(folder) => folder.path().join("catalog.sqlite"),
            Home::Database(_) => panic!("a database has no file"),
        }
    }

    /// Runs a statement beside the catalog, in words that both databases know.
    pub(crate) async fn tamper(&self, statement: &str) {
        match &self.home {
            Home::Folder(_) => {
                let mut connection = SqliteConnection::connect(&self.path().display().to_string()).await.unwrap();
                connection.execute(AssertSqlSafe(statement)).await.unwrap();
            }
            Home::Database(database) => {
                database.connect().await.execute(AssertSqlSafe(statement)).await.unwrap();
            }
        }
    }
}
