//! How metastores of one database tell each other about commits: LISTEN and NOTIFY.
//!
//! A notification is sent after its commit and outside of it: NOTIFY takes a lock of the whole database until
//! its transaction has ended, and would make commits wait for each other's disk writes. So a notification may be
//! late, or lost with its sender; whoever listens has to compare heads now and then.

use async_trait::async_trait;
use catgraft_core::{Lsn, VolumeId};
use sqlx::postgres::{PgListener, PgPoolOptions};

use super::{error::outward, pool::Pool, url::PostgresUrl};
use crate::catalog::{Error, News};

const CHANNEL: &str = "catgraft_commit";

/// Most heads in one payload. Postgres takes less than 8000 bytes; a head is at most 22 + 1 + 20 + 1.
const HEADS_IN_PAYLOAD_MAX: usize = 180;
const _: () = assert!(HEADS_IN_PAYLOAD_MAX * (22 + 1 + 20 + 1) < 8000);

/// Tells all listeners about heads; about none to show that the way is open.
pub(super) async fn heads_announce(pool: &Pool, heads: &[(VolumeId, Lsn)]) -> Result<(), Error> {
    const DOING: &str = "announcing commits";
    const NOTIFY: &str = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload";
    let mut payloads: Vec<String> = heads.chunks(HEADS_IN_PAYLOAD_MAX).map(payload).collect();
    if payloads.is_empty() {
        payloads.push(String::new());
    }
    pool.fetch_all(DOING, || sqlx::query(NOTIFY).bind(CHANNEL).bind(payloads.clone())).await.map(drop)
}

fn payload(heads: &[(VolumeId, Lsn)]) -> String {
    heads.iter().map(|(vid, lsn)| format!("{vid}:{lsn}")).collect::<Vec<_>>().join(" ")
}

/// The heads in a payload. Anybody may notify, so what is no head is passed over.
fn heads_of(payload: &str) -> Vec<(VolumeId, Lsn)> {
    let head = |text: &str| {
        let (vid, lsn) = text.split_once(':')?;
        Some((vid.parse().ok()?, Lsn::new(lsn.parse().ok()?)?))
    };
    payload.split(' ').filter_map(head).collect()
}

/// One connection that listens.
pub(super) struct Listener(PgListener);

const LISTENING: &str = "listening to other metastores";

impl Listener {
    /// Connects and begins to listen.
    pub(super) async fn open(url: &PostgresUrl) -> Result<Self, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(url.options().clone())
            .await
            .map_err(|error| outward(LISTENING, error))?;
        let mut listener = PgListener::connect_with(&pool).await.map_err(|error| outward(LISTENING, error))?;
        // A connection that was lost is an error to us, because what was announced meanwhile is lost with it.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await.map_err(|error| outward(LISTENING, error))?;
        Ok(Self(listener))
    }
}

#[async_trait]
impl News for Listener {
    async fn next(&mut self) -> Result<Vec<(VolumeId, Lsn)>, Error> {
        match self.0.try_recv().await {
            Ok(Some(notification)) => Ok(heads_of(notification.payload())),
            Ok(None) => Err(Error::Unavailable { doing: LISTENING, source: "the connection was lost".into() }),
            Err(error) => Err(outward(LISTENING, error)),
        }
    }
}
