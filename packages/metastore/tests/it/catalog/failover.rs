//! What only the Postgres catalog has: a server that stops being the one that writes.

use catgraft_testkit::postgres::database;
use metastore::catalog::{self, Connections, Location};
use sqlx::{AssertSqlSafe, Executor, postgres::PgConnectOptions};

use crate::values::{commit, must_commit, vid};

#[tokio::test]
async fn a_connection_that_may_only_read_is_replaced_by_one_that_may_write() {
    let database = database().await;
    let location = Location::postgres(database.url()).unwrap();
    catalog::migrate(&location, false).await.unwrap();
    let options: PgConnectOptions = database.url().parse().unwrap();
    let name = options.get_database().unwrap();
    let mut beside = database.connect().await;
    let alter = |how| AssertSqlSafe(format!("ALTER DATABASE \"{name}\" {how}"));

    beside.execute(alter("SET default_transaction_read_only = on")).await.unwrap();
    let one = Connections { min: 0, max: 1, ..Connections::default() };
    let catalog = catalog::open(&location, one).await.unwrap();
    catalog.ping().await.unwrap();
    // The setting is read when a connection begins, so the one that is open goes on refusing to write.
    beside.execute(alter("RESET default_transaction_read_only")).await.unwrap();
    must_commit(&catalog, commit(vid(1), None)).await;
}
