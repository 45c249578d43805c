//! What is read of volumes and their logs, each by one statement and so at one moment.

use catgraft_core::{Lsn, VolumeId};
use sqlx::FromRow;

use super::pool::Pool;
use crate::catalog::{
    CommitsPage, CommitsWanted, Error, Snapshot, VolumeStats,
    rows::{HeadLsnRaw, HeadRaw, LogRaw, StatsRaw, bytes_to_sql, damaged, lsn_to_sql},
};

/// The head of a volume.
pub(super) async fn snapshot_latest(pool: &Pool, vid: VolumeId) -> Result<Option<Snapshot>, Error> {
    const DOING: &str = "reading the head of a volume";
    const HEAD: &str = "
        SELECT vid, head_lsn, head_cid, page_count AS head_page_count, checkpoint_lsn, committed_at AS head_committed_at
        FROM volume WHERE vid = $1";
    let row = pool.fetch_optional(DOING, || sqlx::query(HEAD).bind(vid.as_bytes().as_slice())).await?;
    row.map(|row| HeadRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)).transpose()
}

/// A volume at an LSN.
pub(super) async fn snapshot_at(pool: &Pool, vid: VolumeId, lsn: Lsn) -> Result<Option<Snapshot>, Error> {
    const DOING: &str = "reading a commit of a volume";
    const COMMIT: &str = "
        SELECT c.vid, c.lsn AS head_lsn, c.cid AS head_cid, c.page_count AS head_page_count, v.checkpoint_lsn,
               c.committed_at AS head_committed_at
        FROM volume_commit c JOIN volume v ON v.vid = c.vid
        WHERE c.vid = $1 AND c.lsn = $2";
    let row = pool
        .fetch_optional(DOING, || sqlx::query(COMMIT).bind(vid.as_bytes().as_slice()).bind(lsn_to_sql(lsn)))
        .await?;
    row.map(|row| HeadRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)).transpose()
}

/// The head of a volume and some of its commits, joined to one value as [`LogRaw`] reads it: those that pass a filter, of
/// what stands around the commits of a range.
macro_rules! log_statement {
    ($filter:literal, $before:literal, $behind:literal) => {
        concat!(
            "SELECT v.vid, v.head_lsn, v.head_cid, v.page_count AS head_page_count, v.checkpoint_lsn,
                    v.committed_at AS head_committed_at, c.*
             FROM volume v CROSS JOIN LATERAL (
                 SELECT count(*) AS commits,
                        string_agg(int8send(lsn) || int8send(page_count) || int8send(committed_at) || cid
                                   || int4send(octet_length(segments)) || segments, '') ",
            $filter,
            " AS joined FROM (",
            $before,
            "SELECT lsn, cid, page_count, committed_at, segments FROM volume_commit
             WHERE vid = $1 AND lsn >= greatest($2, v.checkpoint_lsn) AND lsn <= $3
             ORDER BY lsn LIMIT $4",
            $behind,
            ") AS log) AS c WHERE v.vid = $1"
        )
    };
}

/// One page of a log.
pub(super) async fn commits_read(
    pool: &Pool,
    vid: VolumeId,
    wanted: CommitsWanted,
) -> Result<Option<CommitsPage>, Error> {
    const DOING: &str = "reading the log of a volume";
    // One value for all commits is read several times faster than a row each, and adding their lengths up one after the other
    // takes as long again. So at first those are read whose lists can't be too long together, which are nearly always
    // all. They come in the order of the inner query, and whoever reads them looks at their LSNs.
    const SHORT: &str = log_statement!("FILTER (WHERE octet_length(segments) <= $5)", "", "");
    const ANY: &str = log_statement!(
        "",
        "SELECT * FROM (
            SELECT log.*, sum(octet_length(log.segments)) OVER (ORDER BY log.lsn ROWS UNBOUNDED PRECEDING)
                          - octet_length(log.segments) AS bytes_before
            FROM (",
        ") AS log) AS log WHERE bytes_before < $5"
    );
    let read = async |statement, bytes_max| {
        let statement = || {
            sqlx::query(statement)
                .bind(vid.as_bytes().as_slice())
                .bind(wanted.start.map_or(1, lsn_to_sql))
                .bind(wanted.end.map_or(i64::MAX, lsn_to_sql))
                .bind(i64::from(wanted.commits_max))
                .bind(bytes_to_sql(bytes_max))
        };
        let Some(row) = pool.fetch_optional(DOING, statement).await? else { return Ok(None) };
        let head = HeadRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)?;
        let commits = LogRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)?;
        Ok(Some((head, commits)))
    };
    match read(SHORT, wanted.short_list_bytes()).await? {
        None => Ok(None),
        Some((head, Some(commits))) => Ok(Some(CommitsPage { head, commits })),
        Some((_, None)) => {
            let Some((head, commits)) = read(ANY, wanted.bytes_max.max(1)).await? else { return Ok(None) };
            let commits = commits.ok_or_else(|| damaged(DOING)("the commits of a log are not as many as counted"))?;
            Ok(Some(CommitsPage { head, commits }))
        }
    }
}

/// The heads of volumes by their ids.
pub(super) async fn volumes_list(pool: &Pool, after: Option<VolumeId>, limit: u32) -> Result<Vec<Snapshot>, Error> {
    const DOING: &str = "listing volumes";
    // No id is empty, so all of them come after the empty one.
    const HEADS: &str = "
        SELECT vid, head_lsn, head_cid, page_count AS head_page_count, checkpoint_lsn, committed_at AS head_committed_at
        FROM volume WHERE vid > $1 ORDER BY vid LIMIT $2";
    let after = after.map_or(Vec::new(), |vid| vid.as_bytes().to_vec());
    let rows = pool.fetch_all(DOING, || sqlx::query(HEADS).bind(after.clone()).bind(i64::from(limit))).await?;
    rows.iter().map(|row| HeadRaw::from_row(row).map_err(damaged(DOING))?.read(DOING)).collect()
}

/// What a volume amounts to.
pub(super) async fn volume_stats(pool: &Pool, vid: VolumeId) -> Result<Option<VolumeStats>, Error> {
    const DOING: &str = "adding up a volume";
    const STATS: &str = "
        SELECT v.vid, v.head_lsn, v.head_cid, v.page_count AS head_page_count, v.checkpoint_lsn,
               v.committed_at AS head_committed_at,
               (SELECT committed_at FROM volume_commit WHERE vid = v.vid AND lsn = v.checkpoint_lsn) AS first_commit,
               (SELECT count(*) FROM segment_volume WHERE vid = v.vid) AS segments,
               (SELECT coalesce(sum(page_count), 0)::bigint FROM segment_volume WHERE vid = v.vid) AS pages
        FROM volume v WHERE v.vid = $1";
    let row = pool.fetch_optional(DOING, || sqlx::query(STATS).bind(vid.as_bytes().as_slice())).await?;
    let Some(row) = row else { return Ok(None) };
    let head = HeadRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)?;
    StatsRaw::from_row(&row).map_err(damaged(DOING))?.read(head, DOING).map(Some)
}

/// The newest LSNs of volumes.
pub(super) async fn heads_read(pool: &Pool, vids: &[VolumeId]) -> Result<Vec<(VolumeId, Lsn)>, Error> {
    const DOING: &str = "comparing heads";
    const HEADS: &str = "SELECT vid, head_lsn FROM volume WHERE vid = ANY($1)";
    let ids: Vec<&[u8]> = vids.iter().map(|vid| vid.as_bytes().as_slice()).collect();
    let rows = pool.fetch_all(DOING, || sqlx::query(HEADS).bind(ids.clone())).await?;
    rows.iter().map(|row| HeadLsnRaw::from_row(row).map_err(damaged(DOING))?.read(DOING)).collect()
}
