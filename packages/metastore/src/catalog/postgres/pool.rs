//! Connections to Postgres, and the one way to use them: a single statement that commits by itself.
//!
//! Invariant: a connection whose statement did not finish (an error of the connection, a time-out, a caller that went
//! away) is closed and never used again. Because every statement of this catalog may be repeated, one that failed
//! with its connection is sent again on a new one. A pool of our own making, and not sqlx's, because that one asks
//! the server for a sign of life each time a connection is given back: one more round trip a call.

use std::time::Duration;

use deadpool::{
    Runtime,
    managed::{self, Metrics, Object, PoolError, RecycleResult},
};
use futures::future::join_all;
use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection,
    postgres::{PgArguments, PgConnectOptions, PgRow},
    query::Query,
};
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::error::{Remedy, outward, remedy};
use crate::catalog::{Connections, Error};

/// A connection that was not used for this long is asked for a sign of life first.
const IDLE_TRUSTED_MAX: Duration = Duration::from_secs(5);
/// How long a server may take for that sign.
const SIGN_OF_LIFE_MAX: Duration = Duration::from_secs(2);
/// How long one statement may take.
const STATEMENT_MAX: Duration = Duration::from_secs(20);
/// What the server is told when a connection begins. The time of a statement: a little longer than ours, so that who waits
/// hears it from us. Then that every statement here is made for an index, and made once: of tables that have grown since
/// their statistics were taken, which in a young catalog are none, the planner would read the whole, and it would plan
/// anew for every list of ids.
const BEGIN: &str = "SET statement_timeout = '25s'; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan";
/// How often a statement is sent before its error is answered.
const ATTEMPTS_MAX: u32 = 4;
/// How often the number of open connections is looked at.
const WARM_EVERY: Duration = Duration::from_secs(30);

/// Connections to one database.
pub(super) struct Pool {
    connections: managed::Pool<Connector>,
    _warm: AbortOnDropHandle<()>,
}

impl Pool {
    /// The pool, which opens its first connections in the background.
    pub(super) fn new(options: PgConnectOptions, settings: Connections) -> Self {
        let connections = managed::Pool::builder(Connector(options))
            .max_size(settings.max.max(1) as usize)
            .wait_timeout(Some(settings.wait_max))
            .create_timeout(Some(settings.wait_max))
            .recycle_timeout(Some(SIGN_OF_LIFE_MAX))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("time-outs are given together with a runtime");
        let warm = tokio::spawn(keep_warm(connections.clone(), settings.min.min(settings.max) as usize));
        Self { connections, _warm: AbortOnDropHandle::new(warm) }
    }

    /// Sends one statement and reads its rows. The statement is sent again where the connection was lost
    /// or the server undid it, so it must be one that may run twice.
    pub(super) async fn fetch_all<'q>(
        &self,
        doing: &'static str,
        statement: impl Fn() -> Query<'q, sqlx::Postgres, PgArguments> + Send + Sync,
    ) -> Result<Vec<PgRow>, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut lease = self.lease(doing).await?;
            let answer = timeout(STATEMENT_MAX, statement().fetch_all(lease.connection())).await;
            let error = match answer {
                Ok(Ok(rows)) => {
                    lease.give_back();
                    return Ok(rows);
                }
                Ok(Err(error)) => error,
                Err(elapsed) => return Err(Error::Unavailable { doing, source: elapsed.into() }),
            };
            match remedy(&error) {
                // Whatever made this connection useless has most likely done so to those that are idle.
                Remedy::Reconnect => drop(self.connections.retain(|_, _| false)),
                Remedy::Repeat | Remedy::Wait | Remedy::Refused => lease.give_back(),
            }
            match remedy(&error) {
                Remedy::Reconnect | Remedy::Repeat if attempt < ATTEMPTS_MAX => {}
                _ => return Err(outward(doing, error)),
            }
        }
    }

    /// Sends one statement that answers at most one row.
    pub(super) async fn fetch_optional<'q>(
        &self,
        doing: &'static str,
        statement: impl Fn() -> Query<'q, sqlx::Postgres, PgArguments> + Send + Sync,
    ) -> Result<Option<PgRow>, Error> {
        Ok(self.fetch_all(doing, statement).await?.pop())
    }

    /// Closes the connections; those in use are closed when they are given back.
    pub(super) fn close(&self) {
        self.connections.close();
    }

    async fn lease(&self, doing: &'static str) -> Result<Lease, Error> {
        match self.connections.get().await {
            Ok(object) => Ok(Lease { object: Some(object) }),
            Err(PoolError::Backend(error)) => Err(outward(doing, error)),
            Err(error) => Err(Error::Unavailable { doing, source: error.into() }),
        }
    }
}

/// A connection in use. Dropped without [`Lease::give_back`], it is closed.
struct Lease {
    object: Option<Object<Connector>>,
}

impl Lease {
    fn connection(&mut self) -> &mut PgConnection {
        self.object.as_mut().expect("it is only taken by giving it back or by the end of the lease")
    }

    fn give_back(mut self) {
        self.object = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.object.take().map(Object::take);
    }
}

/// Makes connections.
struct Connector(PgConnectOptions);

impl managed::Manager for Connector {
    type Type = PgConnection;
    type Error = sqlx::Error;

    /// Connects, and says how long a statement may run on: one that we have given up must not land much later. Said
    /// after connecting, because a pooler such as pgbouncer refuses it before.
    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = self.0.connect().await?;
        connection.execute(BEGIN).await?;
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.last_used() > IDLE_TRUSTED_MAX {
            connection.ping().await?;
        }
        Ok(())
    }
}

/// Opens connections until there are `min`, and looks now and then whether there still are.
async fn keep_warm(pool: managed::Pool<Connector>, min: usize) {
    let mut ticks = interval(WARM_EVERY);
    while !pool.is_closed() {
        ticks.tick().await;
        if pool.status().size < min {
            // Held together until all are open; a failure is the next caller's to see.
            drop(join_all((0..min).map(|_| pool.get())).await);
        }
    }
}
