//! The catalog: the truth about volumes, commits and segments, behind one trait with two implementations,
//! and a third in memory for simulations.
//!
//! All SQL of the house is below this module. Nothing here knows HTTP or the wire's answers; what a commit
//! may do is decided in [`crate::commit`], and this module only carries the decision out without letting
//! anything come in between.

mod blob;
mod error;
mod location;
mod memory;
mod postgres;
mod rows;
pub mod schema;
mod sqlite;
mod types;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use catgraft_core::{Lsn, SegmentId, Timestamp, VolumeId};
use catgraft_proto::CommitCall;

pub use blob::SegmentList;
pub use error::{BlobError, Error};
pub use location::Location;
pub use memory::Memory;
pub use postgres::PostgresUrl;
pub use schema::{MigrateReport, MigrateStep, SchemaVersion, migrate};
pub use types::{
    CommitOutcome, CommitRow, CommitsPage, CommitsWanted, Holding, SegmentChange, SegmentRow, SegmentState, Snapshot,
    Stray, VolumeStats,
};

/// How connections to the catalog are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Connections kept open while nothing happens.
    pub min: u32,
    /// Most connections open at once.
    pub max: u32,
    /// How long a call waits for a free connection before it answers [`Error::Unavailable`].
    pub wait_max: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self { min: 2, max: 16, wait_max: Duration::from_secs(5) }
    }
}

/// What a catalog does. Methods are named noun_verb; every one is safe to call again after an error.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// The head of a volume; none where there is no such volume.
    async fn snapshot_latest(&self, vid: VolumeId) -> Result<Option<Snapshot>, Error>;

    /// A volume at an LSN; none where there is no such commit.
    async fn snapshot_at(&self, vid: VolumeId, lsn: Lsn) -> Result<Option<Snapshot>, Error>;

    /// One page of a volume's log, oldest first, together with the head that it was read under; none where
    /// there is no such volume. A page holds at least one commit where the range has one.
    async fn commits_read(&self, vid: VolumeId, wanted: CommitsWanted) -> Result<Option<CommitsPage>, Error>;

    /// Decides a commit and carries the decision out, as [`crate::commit::decide`] says. A commit is durable
    /// when this returns.
    async fn commit_append(&self, call: CommitCall, now: Timestamp) -> Result<CommitOutcome, Error>;

    /// Writes the rows of segments. A row that is there with the same content is left alone, one with other
    /// content is [`Error::SegmentDiffers`], and one that is doomed is [`Error::SegmentDoomed`]. The rows are durable when this returns. No sid may be twice in `rows`.
    async fn segments_register(&self, rows: Vec<SegmentRow>, now: Timestamp) -> Result<(), Error>;

    /// The rows of those segments that are known, without their volumes, in any order.
    async fn segments_read(&self, sids: &[SegmentId]) -> Result<Vec<SegmentRow>, Error>;

    /// Rows of segments in the order of their ids, after one of them, with what their removal needs.
    async fn segments_list(&self, after: Option<SegmentId>, limit: u32) -> Result<Vec<SegmentState>, Error>;

    /// The segments that were doomed at or before a moment, those doomed first first. None of them while a commit may be
    /// on its way that began before it could see that they are.
    async fn segments_doomed(&self, until: Timestamp, limit: u32) -> Result<Vec<SegmentState>, Error>;

    /// Dooms, pardons, adopts or removes segments, and answers how many rows that changed.
    async fn segments_change(&self, change: SegmentChange) -> Result<u64, Error>;

    /// Which volumes these segments hold pages of: pairs in the order of volume and segment, after one of them.
    async fn holdings_list(
        &self,
        sids: &[SegmentId],
        after: Option<(VolumeId, SegmentId)>,
        limit: u32,
    ) -> Result<Vec<(VolumeId, SegmentId)>, Error>;

    /// What segments hold of a volume, of those that are known, in any order. Doomed segments are known.
    async fn holdings_read(&self, vid: VolumeId, sids: &[SegmentId]) -> Result<Vec<(SegmentId, Holding)>, Error>;

    /// How far the search for orphans has come.
    async fn orphan_mark(&self) -> Result<Option<SegmentId>, Error>;

    /// The heads of volumes in the order of their ids, after one of them.
    async fn volumes_list(&self, after: Option<VolumeId>, limit: u32) -> Result<Vec<Snapshot>, Error>;

    /// What a volume amounts to; none where there is no such volume.
    async fn volume_stats(&self, vid: VolumeId) -> Result<Option<VolumeStats>, Error>;

    /// The newest LSNs of those volumes that exist, in any order.
    async fn heads_read(&self, vids: &[VolumeId]) -> Result<Vec<(VolumeId, Lsn)>, Error>;

    /// Tells the other metastores of this catalog about new heads. An empty list is a sign of life.
    async fn heads_announce(&self, heads: &[(VolumeId, Lsn)]) -> Result<(), Error>;

    /// Begins to listen to what metastores announce. Whatever is announced after this returned is heard, until
    /// [`News::next`] answers an error.
    async fn news(&self) -> Result<Box<dyn News>, Error>;

    /// May other processes commit to this catalog? Where not, there is nobody to announce to or to hear from.
    fn is_shared(&self) -> bool;

    /// Is the schema the one that this program was made for?
    async fn schema_check(&self) -> Result<(), Error>;

    /// Is the catalog there? The cheapest call that finds out.
    async fn ping(&self) -> Result<(), Error>;

    /// Finishes what was accepted and lets go of files and connections.
    async fn close(&self);
}

/// What metastores announce, as it arrives.
#[async_trait]
pub trait News: Send {
    /// The next announcement: new heads, or none of them for a sign of life. After an error nothing more comes.
    async fn next(&mut self) -> Result<Vec<(VolumeId, Lsn)>, Error>;
}

/// Opens the catalog that a metastore works on. An embedded catalog is made where there is none, and is held
/// against other processes; a Postgres catalog is not asked for anything yet. The schema is not looked at:
/// see [`migrate`] and [`Catalog::schema_check`].
pub async fn open(location: &Location, connections: Connections) -> Result<Arc<dyn Catalog>, Error> {
    Ok(match location {
        Location::Postgres(url) => Arc::new(postgres::Postgres::open(url, connections)),
        Location::Sqlite(path) => Arc::new(sqlite::Sqlite::open(path, connections.max).await?),
    })
}

/// Opens a catalog to look at it, also beside a living metastore, and checks its schema. Writes answer an error.
pub async fn open_to_read(location: &Location) -> Result<Arc<dyn Catalog>, Error> {
    let connections = Connections { min: 0, max: 2, ..Connections::default() };
    let catalog: Arc<dyn Catalog> = match location {
        Location::Postgres(url) => Arc::new(postgres::Postgres::open_to_read(url, connections)),
        Location::Sqlite(path) => Arc::new(sqlite::Sqlite::open_to_read(path, connections.max).await?),
    };
    catalog.schema_check().await?;
    Ok(catalog)
}
