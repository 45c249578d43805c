//! Throw-away Postgres: a database a test, in the cluster that `CATGRAFT_TEST_POSTGRES` names (the URL of a
//! superuser) or in one that this process starts for itself.
//!
//! A missing Postgres is a panic that says what to install, never a skipped test. A cluster of our own listens on
//! a unix socket only, and ends with the process that started it, however that ends.

mod cluster;

use std::{sync::OnceLock, thread};

use rand::{Rng, distr::Alphanumeric};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

pub use self::cluster::Cluster;

/// The variable that names a cluster to use.
const VARIABLE: &str = "CATGRAFT_TEST_POSTGRES";

/// A database of its own for one test, dropped with this value.
pub struct TestDatabase {
    url: String,
    name: String,
    admin_url: String,
}

/// A new, empty database in the cluster that all tests of this process share.
pub async fn database() -> TestDatabase {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    match std::env::var(VARIABLE) {
        Ok(admin_url) => TestDatabase::create(&admin_url).await,
        Err(_) => SHARED.get_or_init(Cluster::start).database().await,
    }
}

impl TestDatabase {
    /// Where it is, for a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection to it.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap_or_else(|error| panic!("connecting to {}: {error}", self.url))
    }

    async fn create(admin_url: &str) -> Self {
        let random = rand::rng().sample_iter(Alphanumeric).take(12).map(char::from);
        let name = format!("catgraft_test_{}", random.collect::<String>().to_lowercase());
        run(admin_url, &format!("CREATE DATABASE {name}"))
            .await
            .unwrap_or_else(|error| panic!("making a test database at {admin_url}: {error}"));
        Self { url: with_database(admin_url, &name), name, admin_url: admin_url.to_owned() }
    }
}

impl Drop for TestDatabase {
    /// Drops the database, as well as that is possible: the server may be gone, which is for the test to say.
    fn drop(&mut self) {
        let (admin_url, statement) =
            (self.admin_url.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(run(&admin_url, &statement)))
        });
        drop(dropping.join());
    }
}

async fn run(url: &str, statement: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}

/// The same URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let (scheme, rest) = address.split_once("://").expect("a Postgres URL has a scheme");
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    match query {
        Some(query) => format!("{scheme}://{authority}/{name}?{query}"),
        None => format!("{scheme}://{authority}/{name}"),
    }
}
