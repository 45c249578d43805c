//! Keeps the heads in memory in step with the catalog: hears what other metastores announce, announces our own
//! commits, and compares heads that are polled with the catalog now and then.
//!
//! An announcement may be lost with a metastore that dies between its commit and its announcement; the
//! comparison finds that out. While nothing is heard, not even a sign of life, nothing is answered from memory.

use std::{collections::HashMap, mem, sync::Arc, time::Duration};

use catgraft_core::{Lsn, VolumeId};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};

use super::Heads;
use crate::catalog::{Catalog, Error};

/// Most heads that wait to be announced; others are left to the comparison of whoever polls them.
const PENDING_MAX: usize = 100_000;
/// Most heads in one question of the comparison.
const COMPARED_AT_ONCE: usize = 1000;

/// How often things are done.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Least time between the beginnings of two announcements. Each is a transaction of its own; what is committed meanwhile
    /// shares the next.
    pub announce: Duration,
    /// A sign of life is announced after this long.
    pub sign_of_life: Duration,
    /// Nothing is trusted after this long without an announcement. Several signs of life fit into it.
    pub silence_max: Duration,
    /// Heads that are polled are compared with the catalog this often.
    pub compare: Duration,
    /// What failed is tried again after this long.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            announce: Duration::from_millis(20),
            sign_of_life: Duration::from_secs(5),
            silence_max: Duration::from_secs(15),
            compare: Duration::from_secs(10),
            retry: Duration::from_secs(1),
        }
    }
}

/// Our own commits, on their way to the other metastores.
#[derive(Default)]
pub struct Announcer {
    pending: Mutex<HashMap<VolumeId, Lsn>>,
    wake: Notify,
}

impl Announcer {
    /// Announces a commit soon: at once after a pause, and otherwise with all that come until the next announcement.
    pub fn add(&self, vid: VolumeId, lsn: Lsn) {
        self.put([(vid, lsn)]);
        self.wake.notify_one();
    }

    fn put(&self, heads: impl IntoIterator<Item = (VolumeId, Lsn)>) {
        let mut pending = self.pending.lock();
        for (vid, lsn) in heads {
            if pending.len() < PENDING_MAX || pending.contains_key(&vid) {
                let newest = pending.entry(vid).or_insert(lsn);
                *newest = lsn.max(*newest);
            }
        }
    }

    /// What was not announced yet.
    pub(crate) fn take(&self) -> Vec<(VolumeId, Lsn)> {
        mem::take(&mut *self.pending.lock()).into_iter().collect()
    }
}

/// Keeps the heads in step for as long as it is polled. Needed only for a catalog that others commit to as well.
pub async fn run(catalog: Arc<dyn Catalog>, heads: Arc<Heads>, announcer: Arc<Announcer>, pace: Pace) {
    tokio::join!(
        listen(catalog.as_ref(), &heads, pace),
        announce(catalog.as_ref(), &announcer, pace),
        compare(catalog.as_ref(), &heads, pace),
    );
}

/// Hears what is announced, and trusts the heads meanwhile.
async fn listen(catalog: &dyn Catalog, heads: &Heads, pace: Pace) {
    let mut told = false;
    loop {
        let error = match hear(catalog, heads, pace, &mut told).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        heads.distrust();
        if !mem::replace(&mut told, true) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "announcements of other metastores are not heard: polls ask the catalog meanwhile");
        }
        sleep(pace.retry).await;
    }
}

/// Hears until the connection is lost or silent for too long.
async fn hear(
    catalog: &dyn Catalog,
    heads: &Heads,
    pace: Pace,
    told: &mut bool,
) -> Result<std::convert::Infallible, Error> {
    let mut news = catalog.news().await?;
    let moment = heads.trust();
    if mem::take(told) {
        tracing::info!("announcements of other metastores are heard again");
    }
    loop {
        let silent = |source: tokio::time::error::Elapsed| Error::Unavailable {
            doing: "listening to other metastores",
            source: source.into(),
        };
        for (vid, lsn) in timeout(pace.silence_max, news.next()).await.map_err(silent)?? {
            heads.observe(Some(moment), vid, lsn);
        }
    }
}

/// Announces our commits, and a sign of life where there are none.
async fn announce(catalog: &dyn Catalog, announcer: &Announcer, pace: Pace) {
    let mut next = Instant::now();
    loop {
        // No commit within that time: then the list is empty, and the announcement a sign of life.
        let _ = timeout(pace.sign_of_life, announcer.wake.notified()).await;
        sleep_until(next).await;
        next = Instant::now() + pace.announce;
        let heads = announcer.take();
        if let Err(error) = catalog.heads_announce(&heads).await {
            // Requests that meet the same fault are answered with it, and tell it.
            tracing::debug!(error = &error as &dyn std::error::Error, "announcing commits failed");
            announcer.put(heads);
            announcer.wake.notify_one();
            sleep(pace.retry).await;
        }
    }
}

/// Compares the heads that were polled with the catalog.
async fn compare(catalog: &dyn Catalog, heads: &Heads, pace: Pace) {
    let mut ticks = interval(pace.compare);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for vids in heads.take_polled().chunks(COMPARED_AT_ONCE) {
            let moment = heads.moment();
            match catalog.heads_read(vids).await {
                Ok(found) => found.into_iter().for_each(|(vid, lsn)| heads.observe(moment, vid, lsn)),
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "comparing heads failed");
                    break;
                }
            }
        }
    }
}
