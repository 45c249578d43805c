//! Every commit of every volume: are the segments there that it names, and do they hold its pages?

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use catgraft_core::{Lsn, SegmentId, VolumeId};
use catgraft_proto::SegmentPages;
use metastore::catalog::{self, CommitRow, CommitsWanted, Holding, Snapshot};

use super::{Check, Finding, report::Report};

/// Volumes that are listed at a time.
const VOLUMES_AT_ONCE: u32 = 1000;
/// Segments whose pages are asked for at a time.
const SEGMENTS_AT_ONCE: usize = 256;

/// A commit's number, and what it takes from one segment.
type Named = (Lsn, SegmentPages);

/// Segments that commits name, and of which the catalog has lost the row or what they hold of a volume.
pub(super) type Lost = HashSet<SegmentId>;

impl Check {
    /// Walks the logs of all volumes. Answers the segments that commits name and whose rows do not bear it out.
    pub(super) async fn check_commits(&self, report: &mut Report) -> Result<Lost> {
        let (mut after, mut lost) = (None, Lost::new());
        loop {
            let heads = self.catalog.volumes_list(after, VOLUMES_AT_ONCE).await?;
            for head in &heads {
                report.counts.volumes += 1;
                self.check_log(head, &mut lost, report).await?;
            }
            match heads.last() {
                Some(last) if heads.len() == VOLUMES_AT_ONCE as usize => after = Some(last.vid),
                _ => return Ok(lost),
            }
        }
    }

    async fn check_log(&self, head: &Snapshot, lost: &mut Lost, report: &mut Report) -> Result<()> {
        let (vid, mut next) = (head.vid, head.checkpoint);
        let mut named = Vec::new();
        while next <= head.lsn {
            let page = self.catalog.commits_read(vid, CommitsWanted::range(Some(next), Some(head.lsn))).await;
            let commits = match page {
                Ok(page) => page.map_or(Vec::new(), |page| page.commits),
                Err(error @ (catalog::Error::DamagedRow { .. } | catalog::Error::DamagedVolume { .. })) => {
                    let reason = format!("{:#}", anyhow::Error::from(error));
                    return report.found(&Finding::LogDamaged { vid, lsn: next, reason });
                }
                Err(error) => return Err(error.into()),
            };
            if commits.is_empty() {
                return report.found(&Finding::LogDamaged { vid, lsn: next, reason: missing() });
            }
            for commit in commits {
                if commit.lsn != next {
                    report.found(&Finding::LogDamaged { vid, lsn: next, reason: missing() })?;
                }
                next = commit.lsn.next()?;
                report.counts.commits += 1;
                take(vid, &commit, &mut named, report)?;
                if named.len() >= SEGMENTS_AT_ONCE {
                    self.check_named(vid, std::mem::take(&mut named), lost, report).await?;
                }
            }
            report.progress();
        }
        self.check_named(vid, named, lost, report).await
    }

    async fn check_named(&self, vid: VolumeId, named: Vec<Named>, lost: &mut Lost, report: &mut Report) -> Result<()> {
        let mut sids: Vec<SegmentId> = named.iter().map(|(_, segment)| segment.sid).collect();
        sids.sort_unstable();
        sids.dedup();
        for sids in sids.chunks(SEGMENTS_AT_ONCE) {
            let held: HashMap<_, _> = self.catalog.holdings_read(vid, sids).await?.into_iter().collect();
            for (lsn, SegmentPages { sid, pages }) in &named {
                if sids.binary_search(sid).is_err() {
                    continue;
                }
                let (lsn, sid) = (*lsn, *sid);
                match held.get(&sid) {
                    None => {
                        lost.insert(sid);
                        report.found(&Finding::SegmentUnknown { vid, lsn, sid })?;
                    }
                    Some(Holding::Pages(held)) if pages.is_subset(held) => {}
                    Some(_) => {
                        lost.insert(sid);
                        report.found(&Finding::PagesNotHeld { vid, lsn, sid })?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn missing() -> String {
    "the commit is not there".to_owned()
}

fn take(vid: VolumeId, commit: &CommitRow, named: &mut Vec<Named>, report: &mut Report) -> Result<()> {
    let lsn = commit.lsn;
    match commit.segments.decode() {
        Ok(segments) => named.extend(segments.into_iter().map(|segment| (lsn, segment))),
        Err(error) => {
            let reason = format!("{:#}", anyhow::Error::from(error));
            report.found(&Finding::LogDamaged { vid, lsn, reason })?;
        }
    }
    Ok(())
}
