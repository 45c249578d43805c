//! A promise that was broken: what a simulation looks for.

use catgraft_client::Error;
use catgraft_core::{ClientId, Lsn, VolumeId};

/// What must never be seen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Violation {
    /// A request that is right was refused for good.
    #[error("volume {vid}: {what} is refused: {error}")]
    Refused { vid: VolumeId, what: String, error: Error },
    /// An answer that no client can understand, or that can't be true.
    #[error("volume {vid}: {what} is answered with what can't be: {why}")]
    Answer { vid: VolumeId, what: String, why: String },
    /// One LSN has two commits.
    #[error("volume {vid}: LSN {lsn} is the commit of {one} and of {other}")]
    TwoWinners { vid: VolumeId, lsn: Lsn, one: ClientId, other: ClientId },
    /// A commit that nobody made.
    #[error("volume {vid}: LSN {lsn} is a commit of {cid}, which made none on the LSN before")]
    Stranger { vid: VolumeId, lsn: Lsn, cid: ClientId },
    /// A commit landed after its client was told that it lost.
    #[error("volume {vid}: the commit of {cid} at LSN {lsn} was rejected, and landed")]
    RejectedLanded { vid: VolumeId, lsn: Lsn, cid: ClientId },
    /// What was known to be there before the question was asked is not in the answer.
    #[error("volume {vid}: {what} tells LSN {found} as the head, and LSN {known} was known before it was asked")]
    Stale { vid: VolumeId, what: &'static str, found: u64, known: Lsn },
    /// A commit was rejected although nobody was faster.
    #[error("volume {vid}: a commit at LSN {lsn} is rejected, and the head is {head:?}")]
    RejectedForNothing { vid: VolumeId, lsn: Lsn, head: Option<Lsn> },
    /// A page has other content than was committed.
    #[error("volume {vid}: page {page} at LSN {lsn} {how}")]
    WrongPage { vid: VolumeId, lsn: Lsn, page: u32, how: &'static str },
    /// Nothing is in the way any more, and yet nothing goes on.
    #[error("{what} gets no answer although nothing is in its way: {last}")]
    Stuck { what: String, last: String },
    /// A service panicked or told of a fault that a human must look at.
    #[error("a service logged an error: {0}")]
    Logged(String),
    /// A service ended by itself.
    #[error("{0}")]
    Ended(String),
}
