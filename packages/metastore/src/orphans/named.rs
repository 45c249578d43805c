//! Which of some segments does no commit name? Asked of the logs of the volumes that the segments hold pages of.
//!
//! A log is read from the first commit that can name them on, and no further than to the last that does. Nearly always
//! that is a handful of commits, because a segment is named moments after it was registered.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use catgraft_core::{Lsn, SegmentId, Timestamp, VolumeId};

use super::Error;
use crate::catalog::{self, Catalog, CommitsWanted, SegmentState, Snapshot};

/// Pairs of volume and segment that are held at a time.
const PAIRS_MAX: u32 = 4096;
/// Commits of a log that are read at a time.
const COMMITS_MAX: u32 = 2048;
/// Bytes of segment lists that are read at a time.
const COMMITS_BYTES_MAX: u64 = 1024 * 1024;
/// How much earlier than a segment was registered a commit that names it may say that it was made: by how much the clocks of
/// metastores differ, twice.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(2 * 60 * 60);

/// Those of these segments that no commit names, in the order of their ids. A segment is taken for named where a log that
/// could name it is damaged.
pub async fn unnamed(catalog: &dyn Catalog, segments: &[SegmentState]) -> Result<Vec<SegmentId>, Error> {
    let mut left: HashMap<SegmentId, Timestamp> =
        segments.iter().map(|state| (state.row.sid, state.registered_at)).collect();
    let mut after = None;
    loop {
        let sids: Vec<SegmentId> = left.keys().copied().collect();
        if sids.is_empty() {
            return Ok(sids);
        }
        let pairs = catalog.holdings_list(&sids, after, PAIRS_MAX).await?;
        for of_volume in pairs.chunk_by(|one, other| one.0 == other.0) {
            let vid = of_volume[0].0;
            let sought: HashSet<SegmentId> =
                of_volume.iter().map(|(_, sid)| *sid).filter(|sid| left.contains_key(sid)).collect();
            for sid in named_or_unsure(catalog, vid, sought, &left).await? {
                left.remove(&sid);
            }
        }
        after = pairs.last().copied();
        if pairs.len() < PAIRS_MAX as usize {
            let mut sids: Vec<SegmentId> = left.into_keys().collect();
            sids.sort_unstable();
            return Ok(sids);
        }
    }
}

/// Does a commit of one of these volumes name the segment? Yes where that cannot be told.
pub(super) async fn is_named(catalog: &dyn Catalog, sid: SegmentId, vids: &[VolumeId]) -> Result<bool, Error> {
    let registered = HashMap::from([(sid, sid.created())]);
    for vid in vids {
        if !named_or_unsure(catalog, *vid, HashSet::from([sid]), &registered).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those that the volume's commits name; all of them where that cannot be told.
async fn named_or_unsure(
    catalog: &dyn Catalog,
    vid: VolumeId,
    sought: HashSet<SegmentId>,
    registered: &HashMap<SegmentId, Timestamp>,
) -> Result<HashSet<SegmentId>, Error> {
    let Some(first) = sought.iter().filter_map(|sid| registered.get(sid)).min() else { return Ok(sought) };
    let since = first.minus(CLOCKS_DIFFER_MAX);
    match named(catalog, vid, sought.clone(), since).await {
        Err(error) if is_damage(&error) => {
            let segments = sought.len();
            tracing::warn!(volume_id = %vid, segments, error = &error as &dyn std::error::Error,
                "the log is damaged: segments that hold pages of this volume are kept");
            Ok(sought)
        }
        named => named,
    }
}

fn is_damage(error: &Error) -> bool {
    use catalog::Error as E;
    match error {
        Error::LogBroken { .. } | Error::CommitDamaged { .. } => true,
        Error::Catalog(error) => matches!(error, E::DamagedRow { .. } | E::DamagedVolume { .. }),
    }
}

/// Those that a commit of the volume names which was made since a moment.
async fn named(
    catalog: &dyn Catalog,
    vid: VolumeId,
    mut sought: HashSet<SegmentId>,
    since: Timestamp,
) -> Result<HashSet<SegmentId>, Error> {
    let mut named = HashSet::new();
    let Some(head) = catalog.snapshot_latest(vid).await? else { return Ok(named) };
    let mut next = first_since(catalog, &head, since).await?;
    while next <= head.lsn && !sought.is_empty() {
        let wanted = CommitsWanted {
            commits_max: COMMITS_MAX,
            bytes_max: COMMITS_BYTES_MAX,
            ..CommitsWanted::range(Some(next), Some(head.lsn))
        };
        let commits = catalog.commits_read(vid, wanted).await?.map_or(Vec::new(), |page| page.commits);
        if commits.is_empty() {
            return Err(Error::LogBroken { vid, lsn: next });
        }
        for commit in commits {
            // A hole could be the commit that names one of them.
            if commit.lsn != next {
                return Err(Error::LogBroken { vid, lsn: next });
            }
            let lsn = commit.lsn;
            let segments = commit.segments.to_wire().map_err(|source| Error::CommitDamaged { vid, lsn, source })?;
            for segment in segments {
                let sid = SegmentId::try_from(segment.sid.as_ref())
                    .map_err(|source| catalog::Error::DamagedRow { doing: "reading a log", source: source.into() })?;
                named.extend(sought.take(&sid));
            }
            next = lsn.next().expect("an LSN of the catalog is a signed number, so there is a next one");
        }
    }
    Ok(named)
}

/// An LSN before which every commit was made before a moment. Commits say their times in order but for what clocks
/// differ, so this is a search by halves; what it skips is known to be earlier, whatever the order.
async fn first_since(catalog: &dyn Catalog, head: &Snapshot, since: Timestamp) -> Result<Lsn, Error> {
    let vid = head.vid;
    let (mut first, mut last) = (head.checkpoint.get(), head.lsn.get());
    while last.saturating_sub(first) > u64::from(COMMITS_MAX) {
        let middle = first + (last - first) / 2;
        let lsn = Lsn::new(middle).unwrap_or(Lsn::FIRST);
        let commit = catalog.snapshot_at(vid, lsn).await?.ok_or(Error::LogBroken { vid, lsn })?;
        if commit.timestamp < since {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    Ok(Lsn::new(first).unwrap_or(Lsn::FIRST))
}
