//! The way to the catalog: late, without an answer before the effect or after it, connections that break; and sometimes a
//! statement that lands long after its connection was lost.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use catgraft_core::{Lsn, SegmentId, Timestamp, VolumeId};
use catgraft_proto::CommitCall;
use metastore::catalog::{
    Catalog, CommitOutcome, CommitsPage, CommitsWanted, Error, Holding, News, SegmentChange, SegmentRow, SegmentState,
    Snapshot, VolumeStats,
};
use tokio_util::sync::CancellationToken;

use super::{Simulated, Way};
use crate::{process::Process, sabotage::Sabotage, world::World};

/// Longest that a statement whose connection was lost may still be on its way.
const LATE_MAX: Duration = Duration::from_secs(30);
/// The same for a step in the removal of segments: it may hang behind others for long, and its grace periods are for that.
const CHANGE_LATE_MAX: Duration = Duration::from_secs(3 * 60 * 60);

/// The catalog, as one metastore sees it.
pub(crate) struct CatalogDoor {
    pub(crate) world: Arc<World>,
    pub(crate) process: Arc<Process>,
}

/// A statement that writes and whose connection was lost.
enum Late {
    Commit(CommitCall, Timestamp),
    Register(Vec<SegmentRow>, Timestamp),
    Change(SegmentChange),
}

impl Late {
    async fn happen(self, world: Arc<World>) {
        let longest = if matches!(self, Late::Change(_)) { CHANGE_LATE_MAX } else { LATE_MAX };
        tokio::time::sleep(world.dice.time(longest)).await;
        // Nobody hears what became of it.
        match self {
            Late::Commit(call, now) => {
                let outcome = world.catalog.commit_append(call, now).await;
                world.trace.tell(format_args!("a commit arrives late: {outcome:?}"));
            }
            Late::Register(rows, now) => {
                let outcome = world.catalog.segments_register(rows, now).await;
                world.trace.tell(format_args!("a registration arrives late: {outcome:?}"));
            }
            Late::Change(change) => {
                world.trace.tell(format_args!("arrives late: {change:?}"));
                let _ = world.catalog.segments_change(change).await;
            }
        }
    }
}

impl CatalogDoor {
    async fn read<T>(&self, doing: &'static str, effect: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.statement(doing, || None, effect).await
    }

    async fn statement<T>(
        &self,
        doing: &'static str,
        late: impl FnOnce() -> Option<Late>,
        effect: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Self { world, process } = self;
        let way = Way { world, process, is_away: World::catalog_is_away, fault: world.plan.catalog_fault };
        let late = || late().map(|late| late.happen(Arc::clone(world)));
        let answer = way.go(doing, late, effect).await;
        answer.unwrap_or_else(|lost| Err(Error::Unavailable { doing, source: lost.into() }))
    }

    /// Takes a commit, but for what a sabotage makes of it.
    async fn commit(&self, mut call: CommitCall, now: Timestamp) -> Result<CommitOutcome, Error> {
        let (world, catalog) = (&self.world, &self.world.catalog);
        let head = catalog.snapshot_latest(call.vid).await?;
        if world.sabotaged(Sabotage::AcceptOldBases) {
            call.base = head.map(|head| head.lsn);
        }
        if world.sabotaged(Sabotage::LoseCommit)
            && head.map(|head| head.lsn) == call.base
            && let Some(lsn) = metastore::commit::lsn_after(call.base)
        {
            let CommitCall { vid, cid, page_count, .. } = call;
            let snapshot = Snapshot { vid, cid, lsn, checkpoint: Lsn::FIRST, page_count, timestamp: now };
            return Ok(CommitOutcome::Committed(snapshot));
        }
        match catalog.commit_append(call, now).await? {
            CommitOutcome::AlreadyCommitted(snapshot) if world.sabotaged(Sabotage::ForgetRetries) => {
                Ok(CommitOutcome::Rejected { head: Some(snapshot.lsn) })
            }
            outcome => Ok(outcome),
        }
    }
}

fn unavailable(doing: &'static str, what: &'static str) -> Error {
    Error::Unavailable { doing, source: Simulated(what).into() }
}

#[async_trait]
impl Catalog for CatalogDoor {
    async fn snapshot_latest(&self, vid: VolumeId) -> Result<Option<Snapshot>, Error> {
        let head = self.read("the head", self.world.catalog.snapshot_latest(vid)).await?;
        if let Some(before) = head.and_then(|head| Lsn::new(head.lsn.get() - 1))
            && self.world.sabotaged(Sabotage::TellOldHeads)
        {
            return self.world.catalog.snapshot_at(vid, before).await;
        }
        Ok(head)
    }

    async fn snapshot_at(&self, vid: VolumeId, lsn: Lsn) -> Result<Option<Snapshot>, Error> {
        self.read("a snapshot", self.world.catalog.snapshot_at(vid, lsn)).await
    }

    async fn commits_read(&self, vid: VolumeId, wanted: CommitsWanted) -> Result<Option<CommitsPage>, Error> {
        self.read("the log", self.world.catalog.commits_read(vid, wanted)).await
    }

    async fn commit_append(&self, call: CommitCall, now: Timestamp) -> Result<CommitOutcome, Error> {
        let late = || Some(Late::Commit(call.clone(), now));
        self.statement("a commit", late, self.commit(call.clone(), now)).await
    }

    async fn segments_register(&self, rows: Vec<SegmentRow>, now: Timestamp) -> Result<(), Error> {
        let late = || Some(Late::Register(rows.clone(), now));
        self.statement("a registration", late, self.world.catalog.segments_register(rows.clone(), now)).await
    }

    async fn segments_read(&self, sids: &[SegmentId]) -> Result<Vec<SegmentRow>, Error> {
        self.read("segments", self.world.catalog.segments_read(sids)).await
    }

    async fn segments_list(&self, after: Option<SegmentId>, limit: u32) -> Result<Vec<SegmentState>, Error> {
        self.read("a list of segments", self.world.catalog.segments_list(after, limit)).await
    }

    async fn segments_doomed(&self, until: Timestamp, limit: u32) -> Result<Vec<SegmentState>, Error> {
        self.read("doomed segments", self.world.catalog.segments_doomed(until, limit)).await
    }

    async fn segments_change(&self, change: SegmentChange) -> Result<u64, Error> {
        let late = || Some(Late::Change(change.clone()));
        self.statement("a change of segments", late, self.world.catalog.segments_change(change.clone())).await
    }

    async fn holdings_list(
        &self,
        sids: &[SegmentId],
        after: Option<(VolumeId, SegmentId)>,
        limit: u32,
    ) -> Result<Vec<(VolumeId, SegmentId)>, Error> {
        if self.world.is_sabotaged(Sabotage::RemoveNamed) {
            return Ok(Vec::new());
        }
        self.read("volumes of segments", self.world.catalog.holdings_list(sids, after, limit)).await
    }

    async fn holdings_read(&self, vid: VolumeId, sids: &[SegmentId]) -> Result<Vec<(SegmentId, Holding)>, Error> {
        self.read("what segments hold", self.world.catalog.holdings_read(vid, sids)).await
    }

    async fn orphan_mark(&self) -> Result<Option<SegmentId>, Error> {
        self.read("the mark", self.world.catalog.orphan_mark()).await
    }

    async fn volumes_list(&self, after: Option<VolumeId>, limit: u32) -> Result<Vec<Snapshot>, Error> {
        self.read("a list of volumes", self.world.catalog.volumes_list(after, limit)).await
    }

    async fn volume_stats(&self, vid: VolumeId) -> Result<Option<VolumeStats>, Error> {
        self.read("a volume's sums", self.world.catalog.volume_stats(vid)).await
    }

    async fn heads_read(&self, vids: &[VolumeId]) -> Result<Vec<(VolumeId, Lsn)>, Error> {
        self.read("heads", self.world.catalog.heads_read(vids)).await
    }

    async fn heads_announce(&self, heads: &[(VolumeId, Lsn)]) -> Result<(), Error> {
        self.read("an announcement", self.world.catalog.heads_announce(heads)).await
    }

    async fn news(&self) -> Result<Box<dyn News>, Error> {
        let connection = self.world.catalog_connections.lock().clone();
        let news = async { self.world.catalog.news().await.map(Listening) };
        let Listening(inner) = self.read("listening", news).await?;
        Ok(Box::new(NewsDoor { world: Arc::clone(&self.world), process: Arc::clone(&self.process), connection, inner }))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn schema_check(&self) -> Result<(), Error> {
        self.read("the schema", self.world.catalog.schema_check()).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.read("a sign of life", self.world.catalog.ping()).await
    }

    async fn close(&self) {}
}

struct Listening(Box<dyn News>);

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listening")
    }
}

/// Announcements on their way to one metastore.
struct NewsDoor {
    world: Arc<World>,
    process: Arc<Process>,
    connection: CancellationToken,
    inner: Box<dyn News>,
}

#[async_trait]
impl News for NewsDoor {
    async fn next(&mut self) -> Result<Vec<(VolumeId, Lsn)>, Error> {
        const DOING: &str = "listening";
        let heads = tokio::select! {
            biased;
            () = self.connection.cancelled() => return Err(unavailable(DOING, "the connection is lost")),
            heads = self.inner.next() => heads,
        };
        self.world.travel().await;
        self.process.pass(&self.world).await;
        if self.world.fails(self.world.plan.catalog_fault / 2.0) {
            return Err(unavailable(DOING, "the connection is lost"));
        }
        heads
    }
}
