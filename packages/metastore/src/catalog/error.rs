//! What can go wrong in a catalog. The two databases' own errors are mapped to these once, in their modules.

use std::{io, path::PathBuf};

use catgraft_core::PageSetError;
use catgraft_proto::InvalidMessage;

use super::{SchemaVersion, location::Location};
use catgraft_core::{SegmentId, VolumeId};

/// Any error below the catalog, kept as the source of one of ours.
pub(super) type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a call to the catalog failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away, overloaded or read-only. The same call may succeed later.
    #[error("{doing}: the catalog's database is not available")]
    Unavailable {
        /// What was to be done.
        doing: &'static str,
        /// What the database or its driver said.
        source: Source,
    },
    /// The database refused for a reason that waiting does not mend.
    #[error("{doing}: the catalog's database refused")]
    Internal {
        /// What was to be done.
        doing: &'static str,
        /// What the database or its driver said.
        source: Source,
    },
    /// A row of a volume holds bytes that are not what they should be.
    #[error("{doing}: a row of volume {vid} is damaged")]
    DamagedVolume {
        /// What was to be done.
        doing: &'static str,
        /// The volume.
        vid: VolumeId,
        /// What is wrong with the row.
        source: BlobError,
    },
    /// A row holds an id or a number that is none.
    #[error("{doing}: a row of the catalog is damaged")]
    DamagedRow {
        /// What was to be done.
        doing: &'static str,
        /// What is wrong with the row.
        source: Source,
    },
    /// A segment is known with other content than was now to be registered. Segments never change.
    #[error("segment {sid} is registered with other content")]
    SegmentDiffers {
        /// The segment.
        sid: SegmentId,
    },
    /// A segment is to be removed, because no commit named it for too long. It does not come back.
    #[error("segment {sid} is being removed: no commit named it in time")]
    SegmentDoomed {
        /// The segment.
        sid: SegmentId,
    },
    /// The schema is older than this program.
    #[error("the catalog {location} has schema version {found}, this program needs {needed}: run `{command}`")]
    SchemaOlder {
        /// The catalog.
        location: Location,
        /// Its version.
        found: SchemaVersion,
        /// The version of this program.
        needed: SchemaVersion,
        /// The command that mends it.
        command: String,
    },
    /// The schema is newer than this program.
    #[error(
        "the catalog {location} has schema version {found}, made by a newer CatGraft: \
         upgrade this program, which knows versions up to {known}, to the CatGraft that made it \
         (compare `catgraft --version`), or restore the database from before it was migrated, \
         for `catgraft migrate` cannot go back"
    )]
    SchemaNewer {
        /// The catalog.
        location: Location,
        /// Its version.
        found: SchemaVersion,
        /// The version of this program.
        known: SchemaVersion,
    },
    /// A migration failed; nothing of it was kept.
    #[error("migrating the catalog {location} failed")]
    Migrate {
        /// The catalog.
        location: Location,
        /// What the database or its driver said.
        source: sqlx::migrate::MigrateError,
    },
    /// Another process works on this embedded catalog.
    #[error("the catalog {} is in use by another process: an embedded catalog belongs to one metastore", path.display())]
    InUse {
        /// The catalog's file.
        path: PathBuf,
    },
    /// A file of an embedded catalog cannot be used.
    #[error("{doing} {} failed", path.display())]
    File {
        /// What was to be done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The text is not the address of a Postgres database. It may hold a password, so it is not shown.
    #[error(
        "this is not a Postgres URL such as postgres://user@host/database or \
         postgres:///database?host=/run/postgresql"
    )]
    Url {
        /// What is wrong.
        source: Source,
    },
    /// The catalog was opened to be read only.
    #[error("the catalog was opened to be read, not to be written")]
    ReadOnly,
}

/// Why encoded bytes in a row cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The list of segments is no protobuf.
    #[error("the list of segments does not decode")]
    List(#[source] prost::DecodeError),
    /// A segment in the list is none.
    #[error("a segment of the list does not decode")]
    Segment(#[source] Box<InvalidMessage>),
    /// A page set is none.
    #[error("the page set does not decode")]
    PageSet(#[source] PageSetError),
}
