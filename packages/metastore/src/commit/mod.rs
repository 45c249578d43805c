//! May this commit land? A pure function over what the catalog knew at one moment.
//!
//! Invariants kept here: LSNs have no gap and one winner each; a commit only names segments that were
//! written for its volume and hold its pages. Nothing here reads or writes: the catalog hands in a
//! [`CommitState`] and must make sure that an [`Decision::Accept`] is only carried out while the head it was
//! decided on is still the head.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt};

use catgraft_core::{Lsn, PageIndex, PageSet, SegmentId};
use catgraft_proto::{CommitCall, SegmentPages};

use crate::catalog::Snapshot;

/// What a catalog knows of everything that one commit names.
#[derive(Debug, Clone, Default)]
pub struct CommitState {
    /// The newest LSN of the volume; none where it does not exist.
    pub head: Option<Lsn>,
    /// The commit that has the LSN which this one would get.
    pub rival: Option<Rival>,
    /// The segments named that are registered.
    pub segments: HashMap<SegmentId, Holding>,
}

/// The commit that is already there.
#[derive(Debug, Clone, PartialEq)]
pub struct Rival {
    /// The volume as it left it.
    pub snapshot: Snapshot,
    /// The pages that it changed.
    pub pages: PageSet,
}

/// What a registered segment holds of the volume.
#[derive(Debug, Clone, PartialEq)]
pub enum Holding {
    /// Pages of other volumes only.
    OtherVolumes,
    /// These pages.
    Pages(PageSet),
}

/// What is to become of a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// It becomes the new head, with this LSN.
    Accept(Lsn),
    /// It is a retry of a commit that is there: answer that one.
    AlreadyCommitted(Snapshot),
    /// It lost the race: its base is not the head.
    Rejected,
    /// It may never land.
    Invalid(Invalid),
}

/// Why a commit may never land.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// The client has already committed something else on this base.
    #[error("LSN {lsn} is a commit of the same client with other content")]
    OtherContent {
        /// The LSN.
        lsn: Lsn,
    },
    /// No pagestore has announced this segment.
    #[error("segment {sid} does not exist")]
    SegmentUnknown {
        /// The segment.
        sid: SegmentId,
    },
    /// The segment was written for other volumes.
    #[error("segment {sid} holds no page of this volume")]
    SegmentOfOtherVolume {
        /// The segment.
        sid: SegmentId,
    },
    /// The segment was written for this volume, but not with all these pages.
    #[error("segment {sid} does not hold {pages}")]
    PagesNotHeld {
        /// The segment.
        sid: SegmentId,
        /// The pages missing.
        pages: MissingPages,
    },
}

/// Pages that a segment does not hold; prints the first few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPages {
    first: Vec<PageIndex>,
    more: u64,
}

impl MissingPages {
    /// How many pages an answer names.
    const NAMED: usize = 5;

    fn of(asked: &PageSet, held: &PageSet) -> Self {
        let mut missing = asked.iter().filter(|page| !held.contains(*page));
        let first: Vec<PageIndex> = missing.by_ref().take(Self::NAMED).collect();
        Self { first, more: missing.count() as u64 }
    }
}

impl fmt::Display for MissingPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.first.len() == 1 { "page" } else { "pages" })?;
        for (place, page) in self.first.iter().enumerate() {
            write!(f, "{}{page}", if place == 0 { " " } else { ", " })?;
        }
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        Ok(())
    }
}

/// The LSN that a commit on this base gets; none where numbers end, which no head ever reaches.
pub fn lsn_after(base: Option<Lsn>) -> Option<Lsn> {
    match base {
        None => Some(Lsn::FIRST),
        Some(base) => base.next().ok(),
    }
}

/// Decides a commit.
///
/// A retry is recognised first, because it wins even where the head has moved on, and because after a crash
/// it may name other segments than the commit that it repeats. A lost race comes before a bad segment: the
/// loser has to pull anyway.
pub fn decide(call: &CommitCall, state: &CommitState) -> Decision {
    if let Some(rival) = &state.rival
        && rival.snapshot.cid == call.cid
    {
        return if rival.snapshot.page_count == call.page_count && rival.pages == call.pages() {
            Decision::AlreadyCommitted(rival.snapshot)
        } else {
            Decision::Invalid(Invalid::OtherContent { lsn: rival.snapshot.lsn })
        };
    }
    match lsn_after(call.base) {
        Some(lsn) if state.head == call.base => match check_segments(&call.segments, &state.segments) {
            Ok(()) => Decision::Accept(lsn),
            Err(invalid) => Decision::Invalid(invalid),
        },
        _ => Decision::Rejected,
    }
}

/// Does every segment hold what the commit takes from it?
///
/// A row is written while its object is still being uploaded, so a row alone does not prove that the object is
/// stored. What proves it is that the client can name the segment: its id is 72 random bits, and the pagestore tells
/// it to the client only after the upload has finished.
fn check_segments(asked: &[SegmentPages], known: &HashMap<SegmentId, Holding>) -> Result<(), Invalid> {
    for SegmentPages { sid, pages } in asked {
        match known.get(sid) {
            None => return Err(Invalid::SegmentUnknown { sid: *sid }),
            Some(Holding::OtherVolumes) => return Err(Invalid::SegmentOfOtherVolume { sid: *sid }),
            Some(Holding::Pages(held)) if !pages.is_subset(held) => {
                return Err(Invalid::PagesNotHeld { sid: *sid, pages: MissingPages::of(pages, held) });
            }
            Some(Holding::Pages(_)) => {}
        }
    }
    Ok(())
}
