//! `catgraft volume log`: the newest commits of a volume.

use anyhow::{Context as _, Result};
use catgraft_core::{Lsn, VolumeId};
use metastore::catalog::{Catalog, CommitRow, CommitsWanted};
use serde_json::{Value, json};

use super::no_such_volume;
use crate::output::{Column, human_time, json_time, table};

/// The newest commits before an LSN or up to the head, the newest first.
pub(super) async fn newest_commits(
    catalog: &dyn Catalog,
    vid: VolumeId,
    before: Option<Lsn>,
    limit: u32,
) -> Result<Vec<CommitRow>> {
    let head = catalog.snapshot_latest(vid).await?.with_context(|| no_such_volume(vid))?;
    let last = match before {
        Some(before) => before.previous().map(|last| last.min(head.lsn)),
        None => Some(head.lsn),
    };
    let Some(last) = last.filter(|last| *last >= head.checkpoint) else { return Ok(Vec::new()) };
    let first = Lsn::new(last.get().saturating_sub(u64::from(limit) - 1)).unwrap_or(Lsn::FIRST).max(head.checkpoint);
    let mut commits: Vec<CommitRow> = Vec::new();
    let mut start = first;
    loop {
        let wanted = CommitsWanted::range(Some(start), Some(last));
        let page = catalog.commits_read(vid, wanted).await?.with_context(|| no_such_volume(vid))?;
        let newest = page.commits.last().with_context(|| format!("the log of volume {vid} has no LSN {start}"))?.lsn;
        commits.extend(page.commits);
        if newest >= last {
            commits.reverse();
            return Ok(commits);
        }
        start = newest.next()?;
    }
}

/// A commit with its segments decoded: each segment's id and the number of pages that the commit takes from it.
pub(super) struct Commit<'a> {
    row: &'a CommitRow,
    segments: Vec<(String, u64)>,
}

impl<'a> Commit<'a> {
    /// Decodes what is left to decode.
    pub(super) fn read(row: &'a CommitRow) -> Result<Self> {
        let segments = row.segments.decode().with_context(|| format!("the commit at LSN {} is damaged", row.lsn))?;
        let segments = segments.iter().map(|segment| (segment.sid.to_string(), segment.pages.len())).collect();
        Ok(Self { row, segments })
    }

    fn pages_changed(&self) -> u64 {
        self.segments.iter().map(|(_, pages)| pages).sum()
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let segments: Vec<_> = self.segments.iter().map(|(sid, pages)| json!({ "sid": sid, "pages": pages })).collect();
        json!({
            "lsn": self.row.lsn.get(),
            "cid": self.row.cid.to_string(),
            "page_count": self.row.page_count.get(),
            "committed_at": json_time(self.row.timestamp),
            "pages_changed": self.pages_changed(),
            "segments": segments,
        })
    }
}

/// For people.
pub(super) fn human(commits: &[Commit<'_>]) -> String {
    if commits.is_empty() {
        return "The log has no commits there.".to_owned();
    }
    let columns = [
        ("LSN", Column::Number),
        ("committed", Column::Whole),
        ("by client", Column::Whole),
        ("pages", Column::Number),
        ("changed", Column::Number),
        ("segments", Column::Number),
    ];
    let rows = commits.iter().map(|commit| {
        vec![
            commit.row.lsn.to_string(),
            human_time(commit.row.timestamp),
            commit.row.cid.to_string(),
            commit.row.page_count.to_string(),
            commit.pages_changed().to_string(),
            commit.segments.len().to_string(),
        ]
    });
    table(&columns, rows)
}
