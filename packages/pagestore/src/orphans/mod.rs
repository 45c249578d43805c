//! Removes segments that no commit names: a task that now and then has the metastore look for them, and deletes the
//! objects of those that are due. What is an orphan, and when it may go, is decided in the metastore's `orphans`.
//!
//! Any number of pagestores may run it, and each may die at any point of it. An object goes before its row, so what a
//! crash leaves is a row that is due again. It asks for one thing at a time and pauses in between: pushes and reads come first.

mod counts;
mod strays;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use catgraft_client::MetastoreClient;
use catgraft_core::{Clock, IdSource, SegmentId};
use catgraft_objects::{ObjectKey, ObjectStore};
use catgraft_proto::catgraft::internal::v1::{
    AdoptOrphansRequest, Orphan, ReadDueOrphansRequest, RemoveOrphansRequest, SearchOrphansRequest,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub(crate) use self::counts::OrphanCounts;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest wait for the first round.
const FIRST_ROUND_MAX: Duration = Duration::from_secs(15 * 60);
/// Objects that are adopted by one call: each may name some thousands of volumes.
const ADOPTED_AT_ONCE: usize = 64;

/// When it is done, and to what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Time between two rounds.
    pub(crate) interval: Duration,
    /// For how long a segment that no commit names is left alone.
    pub(crate) grace: Duration,
}

/// The task.
pub(crate) struct Orphans {
    /// Waits longer for answers than others do: a long log may have to be read.
    pub(crate) metastore: MetastoreClient,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Draws the moments of rounds, so that pagestores do not come in step.
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) pace: Pace,
    pub(crate) counts: Arc<OrphanCounts>,
}

/// What a round came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Round {
    doomed: u64,
    adopted: u64,
    removed: u64,
    removed_bytes: u64,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the metastore was not asked with success")]
    Metastore(#[from] catgraft_client::Error),
    #[error("the objects that have no row could not be looked at")]
    Objects(#[source] catgraft_objects::Error),
    #[error("the object of segment {sid} could not be removed")]
    Delete {
        sid: SegmentId,
        #[source]
        source: catgraft_objects::Error,
    },
    #[error("the metastore names a segment by an id that is none")]
    Sid(#[from] catgraft_core::GidError),
}

impl Orphans {
    /// Makes rounds until shutdown.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let rounds = async {
            sleep(self.drawn(self.pace.interval.min(FIRST_ROUND_MAX), 0.0, 1.0)).await;
            loop {
                self.tell(&self.round().await);
                sleep(self.drawn(self.pace.interval, 0.75, 1.25)).await;
            }
        };
        // Every step of a round may be the last.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = rounds => {}
        }
    }

    /// A part of this time that is drawn between two.
    fn drawn(&self, time: Duration, least: f64, most: f64) -> Duration {
        let drawn = f64::from(self.ids.random()[0]) / f64::from(u8::MAX);
        time.mul_f64(least + drawn * (most - least))
    }

    fn tell(&self, (round, outcome): &(Round, Result<(), RoundError>)) {
        let Round { doomed, adopted, removed, removed_bytes } = *round;
        self.counts.add(doomed + adopted, removed, removed_bytes);
        if *round != Round::default() {
            tracing::info!(doomed, adopted, removed, removed_bytes, "segments that no commit names");
        }
        if let Err(error) = outcome {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the search for segments that no commit names ended early, and goes on in the next round"
            );
        }
    }

    async fn round(&self) -> (Round, Result<(), RoundError>) {
        let mut round = Round::default();
        let outcome = async {
            self.search(&mut round).await?;
            self.adopt(&mut round).await?;
            self.remove(&mut round).await
        };
        let outcome = outcome.await;
        (round, outcome)
    }

    fn grace_ms(&self) -> u64 {
        u64::try_from(self.pace.grace.as_millis()).unwrap_or(u64::MAX)
    }

    /// Has the metastore doom what no commit names.
    async fn search(&self, round: &mut Round) -> Result<(), RoundError> {
        loop {
            let searched = self.metastore.search_orphans(&SearchOrphansRequest { grace_ms: self.grace_ms() }).await?;
            round.doomed += searched.doomed;
            if searched.is_done {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// Tells the metastore of objects that have no row.
    async fn adopt(&self, round: &mut Round) -> Result<(), RoundError> {
        let old = self.clock.now().minus(self.pace.grace);
        let found = strays::find(&self.metastore, &self.objects, old).await?;
        if !found.is_plausible() {
            tracing::error!(
                known = found.known,
                unknown = found.unknown,
                "the catalog does not know most of the objects in the store, so they are left alone. Are catalog and \
                 store those that belong together? If so, `catgraft fsck --repair` removes what is not known"
            );
            return Ok(());
        }
        for orphans in found.strays.chunks(ADOPTED_AT_ONCE) {
            let orphans = strays::with_volumes(&self.objects, orphans).await?;
            let request = AdoptOrphansRequest { grace_ms: self.grace_ms(), orphans };
            round.adopted += self.metastore.adopt_orphans(&request).await?.adopted;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Removes what is due: each object, and then its row.
    async fn remove(&self, round: &mut Round) -> Result<(), RoundError> {
        loop {
            let request = ReadDueOrphansRequest { grace_ms: self.grace_ms() };
            let due = self.metastore.read_due_orphans(&request).await?.orphans;
            let (gone, outcome) = self.delete_objects(&due).await;
            let mut removed = 0;
            if !gone.is_empty() {
                let sids = gone.iter().map(|orphan| Bytes::clone(&orphan.sid)).collect();
                let request = RemoveOrphansRequest { grace_ms: self.grace_ms(), sids };
                removed = self.metastore.remove_orphans(&request).await?.removed;
            }
            round.removed += removed;
            // Where others remove the same, each of them counts some rows; the bytes then are nearly right.
            round.removed_bytes += gone
                .iter()
                .take(usize::try_from(removed).unwrap_or(usize::MAX))
                .map(|orphan| orphan.byte_len)
                .sum::<u64>();
            outcome?;
            // None is due any more, or others are removing the same.
            if removed == 0 {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// Deletes objects until one cannot be. Answers those that are gone.
    async fn delete_objects<'a>(&self, due: &'a [Orphan]) -> (Vec<&'a Orphan>, Result<(), RoundError>) {
        let mut gone = Vec::with_capacity(due.len());
        for orphan in due {
            let sid = match SegmentId::try_from(orphan.sid.as_ref()) {
                Ok(sid) => sid,
                Err(error) => return (gone, Err(error.into())),
            };
            if let Err(source) = self.objects.delete(&ObjectKey::segment(sid)).await {
                return (gone, Err(RoundError::Delete { sid, source }));
            }
            gone.push(orphan);
        }
        (gone, Ok(()))
    }
}
