//! A promise that was broken: what a torture run looks for.

use catgraft_client::Error;
use catgraft_core::{Lsn, VolumeId};
use tokio::task::JoinError;

/// What must never be seen, whatever was ended or frozen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Violation {
    /// A request that is right was refused for good.
    #[error("volume {vid}: {what} is refused: {error}")]
    Refused {
        /// The volume that was asked about.
        vid: VolumeId,
        /// What was asked.
        what: String,
        /// The answer.
        error: Error,
    },
    /// An answer that no client can understand.
    #[error("volume {vid}: {what} is answered with what can't be: {why}")]
    Answer {
        /// The volume that was asked about.
        vid: VolumeId,
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// A commit landed elsewhere than behind its base.
    #[error("volume {vid}: a commit on {base:?} landed at LSN {lsn}")]
    Place {
        /// The volume.
        vid: VolumeId,
        /// The base that the commit named.
        base: Option<Lsn>,
        /// Where it was told to be.
        lsn: Lsn,
    },
    /// One LSN was acknowledged to two clients.
    #[error("volume {vid}: LSN {lsn} was acknowledged to two clients")]
    TwoWinners {
        /// The volume.
        vid: VolumeId,
        /// The LSN.
        lsn: Lsn,
    },
    /// A client that has a volume for itself lost a race.
    #[error("volume {vid}: a commit on {base:?} is rejected, and nobody else pushes to this volume")]
    RaceAlone {
        /// The volume.
        vid: VolumeId,
        /// The base that the commit named.
        base: Option<Lsn>,
    },
    /// An LSN that nobody was told of lies below one that was acknowledged.
    #[error("volume {vid}: LSN {missing} was acknowledged to nobody, and {above} was")]
    Gap {
        /// The volume.
        vid: VolumeId,
        /// The LSN of nobody.
        missing: u64,
        /// An acknowledged LSN above it.
        above: Lsn,
    },
    /// The head is not the newest acknowledged commit.
    #[error("volume {vid}: the head is {found:?}, and {acknowledged:?} was the last that was acknowledged")]
    Head {
        /// The volume.
        vid: VolumeId,
        /// The head that a metastore tells.
        found: Option<u64>,
        /// The newest that was acknowledged.
        acknowledged: Option<Lsn>,
    },
    /// A page has other content than was acknowledged.
    #[error("volume {vid}: page {page} at LSN {lsn} {how}")]
    WrongPage {
        /// The volume.
        vid: VolumeId,
        /// The LSN that was read.
        lsn: Lsn,
        /// The page.
        page: u32,
        /// In what it differs.
        how: &'static str,
    },
    /// A task of this program panicked.
    #[error("the client itself failed: {0}")]
    Panicked(JoinError),
}
