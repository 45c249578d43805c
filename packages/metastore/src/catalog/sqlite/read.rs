//! What is read of volumes and their logs. A log never changes below its head, so a head and the commits up to it may
//! be read one after the other.

use catgraft_core::{Lsn, VolumeId};
use futures::TryStreamExt;
use sqlx::{FromRow, SqlitePool, sqlite::SqliteRow};

use super::error::outward;
use crate::catalog::{
    CommitsPage, CommitsWanted, Error, Snapshot, VolumeStats,
    rows::{CommitRaw, HeadLsnRaw, HeadRaw, StatsRaw, damaged, lsn_to_sql},
};

/// The head of a volume.
pub(super) async fn snapshot_latest(reads: &SqlitePool, vid: VolumeId) -> Result<Option<Snapshot>, Error> {
    const DOING: &str = "reading the head of a volume";
    const HEAD: &str = "
        SELECT vid, head_lsn, head_cid, page_count AS head_page_count, checkpoint_lsn, committed_at AS head_committed_at
        FROM volume WHERE vid = ?1";
    let row = sqlx::query(HEAD).bind(vid.as_bytes().as_slice()).fetch_optional(reads).await;
    row.map_err(|error| outward(DOING, error))?.map(|row| read_head(&row, DOING)).transpose()
}

/// A volume at an LSN.
pub(super) async fn snapshot_at(reads: &SqlitePool, vid: VolumeId, lsn: Lsn) -> Result<Option<Snapshot>, Error> {
    const DOING: &str = "reading a commit of a volume";
    const COMMIT: &str = "
        SELECT c.vid, c.lsn AS head_lsn, c.cid AS head_cid, c.page_count AS head_page_count, v.checkpoint_lsn,
               c.committed_at AS head_committed_at
        FROM volume_commit c JOIN volume v ON v.vid = c.vid
        WHERE c.vid = ?1 AND c.lsn = ?2";
    let statement = sqlx::query(COMMIT).bind(vid.as_bytes().as_slice()).bind(lsn_to_sql(lsn));
    let row = statement.fetch_optional(reads).await.map_err(|error| outward(DOING, error))?;
    row.map(|row| read_head(&row, DOING)).transpose()
}

/// One page of a log.
pub(super) async fn commits_read(
    reads: &SqlitePool,
    vid: VolumeId,
    wanted: CommitsWanted,
) -> Result<Option<CommitsPage>, Error> {
    const DOING: &str = "reading the log of a volume";
    const LOG: &str = "
        SELECT lsn, cid, page_count, committed_at, segments FROM volume_commit
        WHERE vid = ?1 AND lsn >= ?2 AND lsn <= ?3
        ORDER BY lsn LIMIT ?4";
    let Some(head) = snapshot_latest(reads, vid).await? else { return Ok(None) };
    let start = wanted.start.unwrap_or(head.checkpoint).max(head.checkpoint);
    let end = wanted.end.unwrap_or(head.lsn).min(head.lsn);
    let mut rows = sqlx::query(LOG)
        .bind(vid.as_bytes().as_slice())
        .bind(lsn_to_sql(start))
        .bind(lsn_to_sql(end))
        .bind(i64::from(wanted.commits_max))
        .fetch(reads);
    // Rows come as they are asked for, so what lies past the bound is hardly read.
    let (mut commits, mut bytes) = (Vec::new(), 0);
    while bytes < wanted.bytes_max.max(1)
        && let Some(row) = rows.try_next().await.map_err(|error| outward(DOING, error))?
    {
        let commit = CommitRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)?;
        bytes += commit.segments.byte_len() as u64;
        commits.push(commit);
    }
    Ok(Some(CommitsPage { head, commits }))
}

/// The heads of volumes by their ids.
pub(super) async fn volumes_list(
    reads: &SqlitePool,
    after: Option<VolumeId>,
    limit: u32,
) -> Result<Vec<Snapshot>, Error> {
    const DOING: &str = "listing volumes";
    // No id is empty, so all of them come after the empty one.
    const HEADS: &str = "
        SELECT vid, head_lsn, head_cid, page_count AS head_page_count, checkpoint_lsn, committed_at AS head_committed_at
        FROM volume WHERE vid > ?1 ORDER BY vid LIMIT ?2";
    let after = after.map_or(Vec::new(), |vid| vid.as_bytes().to_vec());
    let rows = sqlx::query(HEADS).bind(after).bind(i64::from(limit)).fetch_all(reads).await;
    rows.map_err(|error| outward(DOING, error))?.iter().map(|row| read_head(row, DOING)).collect()
}

/// What a volume amounts to.
pub(super) async fn volume_stats(reads: &SqlitePool, vid: VolumeId) -> Result<Option<VolumeStats>, Error> {
    const DOING: &str = "adding up a volume";
    const STATS: &str = "
        SELECT v.vid, v.head_lsn, v.head_cid, v.page_count AS head_page_count, v.checkpoint_lsn,
               v.committed_at AS head_committed_at,
               (SELECT committed_at FROM volume_commit WHERE vid = v.vid AND lsn = v.checkpoint_lsn) AS first_commit,
               (SELECT count(*) FROM segment_volume WHERE vid = v.vid) AS segments,
               (SELECT coalesce(sum(page_count), 0) FROM segment_volume WHERE vid = v.vid) AS pages
        FROM volume v WHERE v.vid = ?1";
    let row = sqlx::query(STATS).bind(vid.as_bytes().as_slice()).fetch_optional(reads).await;
    let Some(row) = row.map_err(|error| outward(DOING, error))? else { return Ok(None) };
    let head = read_head(&row, DOING)?;
    StatsRaw::from_row(&row).map_err(damaged(DOING))?.read(head, DOING).map(Some)
}

/// The newest LSNs of volumes.
pub(super) async fn heads_read(reads: &SqlitePool, vids: &[VolumeId]) -> Result<Vec<(VolumeId, Lsn)>, Error> {
    const DOING: &str = "comparing heads";
    let mut connection = reads.acquire().await.map_err(|error| outward(DOING, error))?;
    let mut heads = Vec::with_capacity(vids.len());
    for vid in vids {
        let statement = sqlx::query("SELECT vid, head_lsn FROM volume WHERE vid = ?1").bind(vid.as_bytes().as_slice());
        let row = statement.fetch_optional(&mut *connection).await.map_err(|error| outward(DOING, error))?;
        if let Some(row) = row {
            heads.push(HeadLsnRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)?);
        }
    }
    Ok(heads)
}

fn read_head(row: &SqliteRow, doing: &'static str) -> Result<Snapshot, Error> {
    HeadRaw::from_row(row).map_err(damaged(doing))?.read(doing)
}
