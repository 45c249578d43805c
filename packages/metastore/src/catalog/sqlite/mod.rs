//! The embedded catalog: one SQLite file that belongs to one process.
//!
//! Invariants: all writes go through one task, which decides and writes inside a transaction, so nothing can come in
//! between; an answer is given after the transaction's COMMIT has reached the disk (`synchronous = FULL`); a lock
//! file keeps a second metastore away. Readers see the last committed state and never wait for the writer.

mod commit;
mod error;
mod file;
mod migrate;
mod orphans;
mod read;
mod segments;
mod writer;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use catgraft_core::{Lsn, SegmentId, Timestamp, VolumeId};
use catgraft_proto::CommitCall;
use sqlx::SqlitePool;

use self::{error::outward, writer::Writer};
use super::{
    Catalog, CommitOutcome, CommitsPage, CommitsWanted, Error, Holding, Location, News, SegmentChange, SegmentRow,
    SegmentState, Snapshot, VolumeStats, schema,
};

pub(super) use self::migrate::migrate;

/// An embedded catalog.
pub(super) struct Sqlite {
    path: PathBuf,
    reads: SqlitePool,
    /// None where the catalog was opened to be read.
    writer: Option<Writer>,
}

impl Sqlite {
    /// Opens the file to work on it; makes it and its folder where they are missing.
    pub(super) async fn open(path: &Path, readers_max: u32) -> Result<Self, Error> {
        let lock = file::lock(path)?;
        // The writer comes first: it makes the file and sets its journal mode.
        let writer = Writer::open(path, lock).await?;
        Ok(Self { path: path.to_owned(), reads: file::readers(path, readers_max), writer: Some(writer) })
    }

    /// Opens a file that must be there, to look at it.
    pub(super) async fn open_to_read(path: &Path, readers_max: u32) -> Result<Self, Error> {
        file::must_exist(path)?;
        Ok(Self { path: path.to_owned(), reads: file::readers(path, readers_max), writer: None })
    }

    fn writer(&self) -> Result<&Writer, Error> {
        self.writer.as_ref().ok_or(Error::ReadOnly)
    }
}

#[async_trait]
impl Catalog for Sqlite {
    async fn snapshot_latest(&self, vid: VolumeId) -> Result<Option<Snapshot>, Error> {
        read::snapshot_latest(&self.reads, vid).await
    }

    async fn snapshot_at(&self, vid: VolumeId, lsn: Lsn) -> Result<Option<Snapshot>, Error> {
        read::snapshot_at(&self.reads, vid, lsn).await
    }

    async fn commits_read(&self, vid: VolumeId, wanted: CommitsWanted) -> Result<Option<CommitsPage>, Error> {
        read::commits_read(&self.reads, vid, wanted).await
    }

    async fn commit_append(&self, call: CommitCall, now: Timestamp) -> Result<CommitOutcome, Error> {
        self.writer()?.commit_append(call, now).await
    }

    async fn segments_register(&self, rows: Vec<SegmentRow>, now: Timestamp) -> Result<(), Error> {
        self.writer()?.segments_register(rows, now).await
    }

    async fn segments_read(&self, sids: &[SegmentId]) -> Result<Vec<SegmentRow>, Error> {
        segments::segments_read(&self.reads, sids).await
    }

    async fn segments_list(&self, after: Option<SegmentId>, limit: u32) -> Result<Vec<SegmentState>, Error> {
        orphans::segments_list(&self.reads, after, limit).await
    }

    async fn segments_doomed(&self, until: Timestamp, limit: u32) -> Result<Vec<SegmentState>, Error> {
        orphans::segments_doomed(&self.reads, until, limit).await
    }

    async fn segments_change(&self, change: SegmentChange) -> Result<u64, Error> {
        self.writer()?.segments_change(change).await
    }

    async fn holdings_list(
        &self,
        sids: &[SegmentId],
        after: Option<(VolumeId, SegmentId)>,
        limit: u32,
    ) -> Result<Vec<(VolumeId, SegmentId)>, Error> {
        orphans::holdings_list(&self.reads, sids, after, limit).await
    }

    async fn holdings_read(&self, vid: VolumeId, sids: &[SegmentId]) -> Result<Vec<(SegmentId, Holding)>, Error> {
        orphans::holdings_read(&self.reads, vid, sids).await
    }

    async fn orphan_mark(&self) -> Result<Option<SegmentId>, Error> {
        orphans::orphan_mark(&self.reads).await
    }

    async fn volumes_list(&self, after: Option<VolumeId>, limit: u32) -> Result<Vec<Snapshot>, Error> {
        read::volumes_list(&self.reads, after, limit).await
    }

    async fn volume_stats(&self, vid: VolumeId) -> Result<Option<VolumeStats>, Error> {
        read::volume_stats(&self.reads, vid).await
    }

    async fn heads_read(&self, vids: &[VolumeId]) -> Result<Vec<(VolumeId, Lsn)>, Error> {
        read::heads_read(&self.reads, vids).await
    }

    async fn heads_announce(&self, _heads: &[(VolumeId, Lsn)]) -> Result<(), Error> {
        Ok(())
    }

    async fn news(&self) -> Result<Box<dyn News>, Error> {
        Ok(Box::new(Silence))
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn schema_check(&self) -> Result<(), Error> {
        let found = migrate::schema_version(&self.reads).await?;
        schema::check(&Location::Sqlite(self.path.clone()), &schema::SQLITE, found)
    }

    async fn ping(&self) -> Result<(), Error> {
        const DOING: &str = "asking the catalog for a sign of life";
        if let Some(writer) = &self.writer {
            writer.must_live(DOING)?;
        }
        sqlx::query("SELECT 1").fetch_one(&self.reads).await.map(drop).map_err(|error| outward(DOING, error))
    }

    async fn close(&self) {
        self.reads.close().await;
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
    }
}

/// Nobody else commits to an embedded catalog, so nothing is ever announced.
struct Silence;

#[async_trait]
impl News for Silence {
    async fn next(&mut self) -> Result<Vec<(VolumeId, Lsn)>, Error> {
        std::future::pending().await
    }
}
