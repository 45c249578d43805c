//! Segments that no commit names: found, doomed, and much later removed, without a lock in the way of commits.
//!
//! A segment whose commit never came, or whose upload never came, is an orphan. What happens to it, and why no segment
//! is removed that a commit names or may still name:
//!
//! 1. [`search`]: a segment that was registered longer than a grace period ago and that no commit names is *doomed*. From
//!    then on a commit that names it is refused as if it were not there, and it cannot be registered again.
//! 2. An object that has no row at all gets one, doomed from the beginning ([`adopt`]).
//! 3. [`due`]: another grace period later it is looked for in the logs once more. A commit may have landed that had begun
//!    before the segment was doomed; then it is pardoned. No other commit can name it any more, so what is not
//!    named now never will be.
//! 4. The caller removes the object, and then the row ([`remove`]). Whatever dies in between leaves a doomed row, which is
//!    due again.
//!
//! Nothing is removed that was not doomed in this catalog a grace period before. So neither a clock that leaps nor a
//! catalog that was restored from an older dump removes anything at once.
//!
//! Every step may be done twice, and by several callers at a time. Memory does not grow with the catalog.

mod named;

use std::{collections::HashSet, fmt, time::Duration};

use catgraft_core::{Lsn, SegmentId, Timestamp, VolumeId, limits::ORPHAN_GRACE_MIN};

use self::named::is_named;
pub use self::named::unnamed;
use crate::catalog::{self, BlobError, Catalog, SegmentChange, SegmentState, Stray};

/// Segments that one step of the search looks at.
const SEARCH_SEGMENTS: u32 = 512;
/// Segments that are told to be due at a time.
const DUE_SEGMENTS: u32 = 512;
/// How much later than its id was made a segment may be registered and still be found by the search, which goes in the
/// order of ids: for pagestores whose clocks are behind. `catgraft fsck` finds the others.
const REGISTERED_LATE_MAX: Duration = Duration::from_secs(60 * 60);

/// Why orphans could not be looked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] catalog::Error),
    /// The log has a hole, which must not be.
    #[error("the log of volume {vid} has no LSN {lsn}")]
    LogBroken {
        /// The volume.
        vid: VolumeId,
        /// The commit that is not there.
        lsn: Lsn,
    },
    /// A commit's row is damaged.
    #[error("commit {lsn} of volume {vid} is damaged")]
    CommitDamaged {
        /// The volume.
        vid: VolumeId,
        /// The commit.
        lsn: Lsn,
        /// What is wrong with the row.
        source: BlobError,
    },
}

/// For how long a segment that no commit names is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace(Duration);

/// The time is shorter than what is safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraceTooShort(Duration);

impl Grace {
    /// A grace period, which must not be shorter than [`ORPHAN_GRACE_MIN`].
    pub fn new(time: Duration) -> Result<Self, GraceTooShort> {
        if time >= ORPHAN_GRACE_MIN { Ok(Self(time)) } else { Err(GraceTooShort(time)) }
    }

    /// The moment before which everything is old enough.
    pub fn before(self, now: Timestamp) -> Timestamp {
        now.minus(self.0)
    }
}

impl fmt::Display for GraceTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (given, least) = (self.0.as_secs(), ORPHAN_GRACE_MIN.as_secs());
        write!(f, "the grace period of orphans is {given} s: it must be at least {least} s")
    }
}

impl std::error::Error for GraceTooShort {}

/// What a step of the search did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Searched {
    /// Segments that it looked at.
    pub looked_at: u64,
    /// Segments that it doomed.
    pub doomed: u64,
    /// There is nothing left that is old enough.
    pub is_done: bool,
}

/// One step of the search: goes on where the last one ended, whoever made it. A segment that was found to be named stays
/// named, so every segment is looked at once.
pub async fn search(catalog: &dyn Catalog, grace: Grace, now: Timestamp) -> Result<Searched, Error> {
    let old = grace.before(now);
    let mut listed = catalog.segments_list(catalog.orphan_mark().await?, SEARCH_SEGMENTS).await?;
    let is_full = listed.len() == SEARCH_SEGMENTS as usize;
    let in_order = |state: &SegmentState| state.row.sid.created() <= old.minus(REGISTERED_LATE_MAX);
    listed.truncate(listed.partition_point(in_order));
    let Some(last) = listed.last().map(|state| state.row.sid) else {
        return Ok(Searched { looked_at: 0, doomed: 0, is_done: true });
    };
    let looked_at = listed.len() as u64;
    let doomed = doom_unnamed(catalog, &listed, grace, now).await?;
    catalog.segments_change(SegmentChange::Mark { sid: last }).await?;
    Ok(Searched { looked_at, doomed, is_done: !is_full || looked_at < u64::from(SEARCH_SEGMENTS) })
}

/// Dooms those of these segments that are old enough and that no commit names. Answers how many that are.
pub async fn doom_unnamed(
    catalog: &dyn Catalog,
    segments: &[SegmentState],
    grace: Grace,
    now: Timestamp,
) -> Result<u64, Error> {
    let old = grace.before(now);
    let is_candidate = |state: &&SegmentState| state.doomed_at.is_none() && state.registered_at <= old;
    let candidates: Vec<SegmentState> = segments.iter().filter(is_candidate).cloned().collect();
    let sids = unnamed(catalog, &candidates).await?;
    if sids.is_empty() {
        return Ok(0);
    }
    Ok(catalog.segments_change(SegmentChange::Doom { sids, at: now }).await?)
}

/// An object that no row knows, and the volumes that it says it holds pages of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrayObject {
    /// The object.
    pub stray: Stray,
    /// Its volumes; none where it cannot be read.
    pub vids: Vec<VolumeId>,
}

/// Gives doomed rows to objects that have none, of those whose ids are old enough. Answers how many that are.
///
/// No commit can name what has no row, so none does and none will, unless the row was lost. Such an object is not
/// adopted: with it, the volume could still be mended.
pub async fn adopt(
    catalog: &dyn Catalog,
    objects: Vec<StrayObject>,
    grace: Grace,
    now: Timestamp,
) -> Result<u64, Error> {
    let old = grace.before(now);
    let mut strays = Vec::with_capacity(objects.len());
    for StrayObject { stray, vids } in objects {
        if stray.sid.created() > old {
            continue;
        }
        if is_named(catalog, stray.sid, &vids).await? {
            tracing::error!(segment_id = %stray.sid, "a commit names a segment whose row was lost: `catgraft fsck` tells which");
        } else {
            strays.push(stray);
        }
    }
    if strays.is_empty() {
        return Ok(0);
    }
    Ok(catalog.segments_change(SegmentChange::Adopt { strays, at: now }).await?)
}

/// Segments that may be removed now, oldest first, not all at once. Those that a commit names after all are pardoned.
pub async fn due(catalog: &dyn Catalog, grace: Grace, now: Timestamp) -> Result<Vec<Stray>, Error> {
    loop {
        let doomed = catalog.segments_doomed(grace.before(now), DUE_SEGMENTS).await?;
        let sids: HashSet<SegmentId> = unnamed(catalog, &doomed).await?.into_iter().collect();
        let (due, named): (Vec<_>, Vec<_>) = doomed.into_iter().partition(|state| sids.contains(&state.row.sid));
        if !named.is_empty() {
            let sids = named.iter().map(|state| state.row.sid).collect();
            catalog.segments_change(SegmentChange::Pardon { sids }).await?;
        }
        // Where all of them were pardoned, others come behind them.
        if !due.is_empty() || named.is_empty() {
            let stray = |state: SegmentState| Stray { sid: state.row.sid, byte_len: state.row.byte_len };
            return Ok(due.into_iter().map(stray).collect());
        }
    }
}

/// Removes the rows of segments that were due and whose objects are gone. Answers how many rows that are.
pub async fn remove(
    catalog: &dyn Catalog,
    sids: Vec<SegmentId>,
    grace: Grace,
    now: Timestamp,
) -> Result<u64, catalog::Error> {
    catalog.segments_change(SegmentChange::Remove { sids, until: grace.before(now) }).await
}
