//! The catalog in Postgres, shared by any number of metastores.
//!
//! Invariant: every call is made of single statements that commit by themselves, so there is no transaction that a
//! lost connection or a caller that went away could leave open, and every statement may be sent twice.

mod commit;
mod error;
mod group;
mod migrate;
mod news;
mod orphans;
mod pool;
mod read;
mod recent;
mod segments;
mod url;

use std::sync::Arc;

use async_trait::async_trait;
use catgraft_core::{Lsn, SegmentId, Timestamp, VolumeId};
use catgraft_proto::CommitCall;

pub(super) use self::migrate::migrate;
pub use self::url::PostgresUrl;
use self::{group::Group, pool::Pool, recent::Recent};
use super::{
    Catalog, CommitOutcome, CommitsPage, CommitsWanted, Connections, Error, Holding, Location, News, SegmentChange,
    SegmentRow, SegmentState, Snapshot, VolumeStats, schema,
};

/// What both ways of committing say that they were doing.
const DOING_COMMIT: &str = "committing";

/// A catalog in Postgres.
pub(super) struct Postgres {
    pool: Arc<Pool>,
    group: Group,
    recent: Recent,
    url: PostgresUrl,
    read_only: bool,
}

impl Postgres {
    /// The catalog of this database, of which nothing is asked yet.
    pub(super) fn open(url: &PostgresUrl, connections: Connections) -> Self {
        let pool = Arc::new(Pool::new(url.options().clone(), connections));
        Self { group: Group::new(Arc::clone(&pool)), pool, recent: Recent::new(), url: url.clone(), read_only: false }
    }

    /// The same, to be read only.
    pub(super) fn open_to_read(url: &PostgresUrl, connections: Connections) -> Self {
        Self { read_only: true, ..Self::open(url, connections) }
    }

    fn writable(&self) -> Result<(), Error> {
        if self.read_only { Err(Error::ReadOnly) } else { Ok(()) }
    }
}

#[async_trait]
impl Catalog for Postgres {
    async fn snapshot_latest(&self, vid: VolumeId) -> Result<Option<Snapshot>, Error> {
        read::snapshot_latest(&self.pool, vid).await
    }

    async fn snapshot_at(&self, vid: VolumeId, lsn: Lsn) -> Result<Option<Snapshot>, Error> {
        read::snapshot_at(&self.pool, vid, lsn).await
    }

    async fn commits_read(&self, vid: VolumeId, wanted: CommitsWanted) -> Result<Option<CommitsPage>, Error> {
        read::commits_read(&self.pool, vid, wanted).await
    }

    async fn commit_append(&self, call: CommitCall, now: Timestamp) -> Result<CommitOutcome, Error> {
        self.writable()?;
        commit::commit_append(&self.pool, &self.group, &self.recent, &call, now).await
    }

    async fn segments_register(&self, rows: Vec<SegmentRow>, now: Timestamp) -> Result<(), Error> {
        self.writable()?;
        segments::segments_register(&self.pool, &rows, now).await?;
        self.recent.remember(rows);
        Ok(())
    }

    async fn segments_read(&self, sids: &[SegmentId]) -> Result<Vec<SegmentRow>, Error> {
        segments::segments_read(&self.pool, sids).await
    }

    async fn segments_list(&self, after: Option<SegmentId>, limit: u32) -> Result<Vec<SegmentState>, Error> {
        orphans::segments_list(&self.pool, after, limit).await
    }

    async fn segments_doomed(&self, until: Timestamp, limit: u32) -> Result<Vec<SegmentState>, Error> {
        orphans::segments_doomed(&self.pool, until, limit).await
    }

    async fn segments_change(&self, change: SegmentChange) -> Result<u64, Error> {
        self.writable()?;
        orphans::segments_change(&self.pool, &change).await
    }

    async fn holdings_list(
        &self,
        sids: &[SegmentId],
        after: Option<(VolumeId, SegmentId)>,
        limit: u32,
    ) -> Result<Vec<(VolumeId, SegmentId)>, Error> {
        orphans::holdings_list(&self.pool, sids, after, limit).await
    }

    async fn holdings_read(&self, vid: VolumeId, sids: &[SegmentId]) -> Result<Vec<(SegmentId, Holding)>, Error> {
        orphans::holdings_read(&self.pool, vid, sids).await
    }

    async fn orphan_mark(&self) -> Result<Option<SegmentId>, Error> {
        orphans::orphan_mark(&self.pool).await
    }

    async fn volumes_list(&self, after: Option<VolumeId>, limit: u32) -> Result<Vec<Snapshot>, Error> {
        read::volumes_list(&self.pool, after, limit).await
    }

    async fn volume_stats(&self, vid: VolumeId) -> Result<Option<VolumeStats>, Error> {
        read::volume_stats(&self.pool, vid).await
    }

    async fn heads_read(&self, vids: &[VolumeId]) -> Result<Vec<(VolumeId, Lsn)>, Error> {
        read::heads_read(&self.pool, vids).await
    }

    async fn heads_announce(&self, heads: &[(VolumeId, Lsn)]) -> Result<(), Error> {
        news::heads_announce(&self.pool, heads).await
    }

    async fn news(&self) -> Result<Box<dyn News>, Error> {
        Ok(Box::new(news::Listener::open(&self.url).await?))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn schema_check(&self) -> Result<(), Error> {
        let found = migrate::schema_version(&self.pool).await?;
        schema::check(&Location::Postgres(self.url.clone()), &schema::POSTGRES, found)
    }

    async fn ping(&self) -> Result<(), Error> {
        self.pool.fetch_all("asking the catalog for a sign of life", || sqlx::query("SELECT 1")).await.map(drop)
    }

    async fn close(&self) {
        self.pool.close();
    }
}
