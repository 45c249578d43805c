//! What the removal of segments that no commit names asks of Postgres. What it means is said in [`crate::orphans`].

use catgraft_core::{SegmentId, Timestamp, VolumeId};
use sqlx::{FromRow, Postgres, Row, postgres::PgArguments, query::Query};

use super::pool::Pool;
use crate::catalog::{
    Error, Holding, SegmentChange, SegmentState,
    rows::{HeldRaw, HoldingRaw, StateRaw, bytes_to_sql, damaged, timestamp_to_sql},
};

type Statement<'a> = Query<'a, Postgres, PgArguments>;

/// Rows of segments by id.
pub(super) async fn segments_list(
    pool: &Pool,
    after: Option<SegmentId>,
    limit: u32,
) -> Result<Vec<SegmentState>, Error> {
    const DOING: &str = "listing segments";
    // No id is empty, so all of them come after the empty one.
    const STATES: &str = "
        SELECT sid, byte_len, index_offset, index_len, index_hash, registered_at, doomed_at
        FROM segment WHERE sid > $1 ORDER BY sid LIMIT $2";
    let after = after.map_or(Vec::new(), |sid| sid.as_bytes().to_vec());
    read_states(pool, DOING, || sqlx::query(STATES).bind(after.clone()).bind(i64::from(limit))).await
}

/// Doomed segments, oldest first.
///
/// A commit that was waiting when a segment was doomed has ended long ago: the server ends every statement of ours. Only
/// the last step of a transaction has no limit of time, where a disk or a synchronous replica does not answer. While
/// there is one that old, nothing is told.
pub(super) async fn segments_doomed(pool: &Pool, until: Timestamp, limit: u32) -> Result<Vec<SegmentState>, Error> {
    const DOING: &str = "listing doomed segments";
    const DOOMED: &str = "
        SELECT sid, byte_len, index_offset, index_len, index_hash, registered_at, doomed_at
        FROM segment WHERE doomed_at <= $1 AND NOT EXISTS (
            SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
                  AND xact_start < clock_timestamp() - interval '1 minute'
        )
        ORDER BY doomed_at, sid LIMIT $2";
    read_states(pool, DOING, || sqlx::query(DOOMED).bind(timestamp_to_sql(until)).bind(i64::from(limit))).await
}

async fn read_states<'q>(
    pool: &Pool,
    doing: &'static str,
    statement: impl Fn() -> Statement<'q> + Send + Sync,
) -> Result<Vec<SegmentState>, Error> {
    let rows = pool.fetch_all(doing, statement).await?;
    rows.iter().map(|row| StateRaw::from_row(row).map_err(damaged(doing))?.read(doing)).collect()
}

/// One step in the removal of segments; one statement.
pub(super) async fn segments_change(pool: &Pool, change: &SegmentChange) -> Result<u64, Error> {
    const DOING: &str = "changing segments";
    const DOOM: &str = "UPDATE segment SET doomed_at = $2 WHERE sid = ANY($1) AND doomed_at IS NULL RETURNING 1";
    const PARDON: &str =
        "UPDATE segment SET doomed_at = NULL WHERE sid = ANY($1) AND doomed_at IS NOT NULL RETURNING 1";
    // Nothing is known of the content, and nothing of it will ever be asked for.
    const ADOPT: &str = "
        INSERT INTO segment (sid, byte_len, index_offset, index_len, index_hash, registered_at, doomed_at)
        SELECT sid, byte_len, 0, 0, decode(repeat('00', 32), 'hex'), $3, $3
        FROM unnest($1::bytea[], $2::bigint[]) AS row (sid, byte_len)
        ON CONFLICT (sid) DO NOTHING
        RETURNING 1";
    const REMOVE: &str = "
        WITH gone AS (DELETE FROM segment WHERE sid = ANY($1) AND doomed_at <= $2 RETURNING sid),
        held AS (DELETE FROM segment_volume USING gone WHERE segment_volume.sid = gone.sid)
        SELECT 1 FROM gone";
    const MARK: &str = "
        INSERT INTO orphan_search (only_row, checked_to) VALUES (true, $1)
        ON CONFLICT (only_row) DO UPDATE SET checked_to = excluded.checked_to
        WHERE orphan_search.checked_to < excluded.checked_to
        RETURNING 1";
    let changed = match change {
        SegmentChange::Doom { sids, at } => {
            let (ids, at) = (ids(sids), timestamp_to_sql(*at));
            pool.fetch_all(DOING, || sqlx::query(DOOM).bind(ids.clone()).bind(at)).await?
        }
        SegmentChange::Pardon { sids } => {
            let ids = ids(sids);
            pool.fetch_all(DOING, || sqlx::query(PARDON).bind(ids.clone())).await?
        }
        SegmentChange::Adopt { strays, at } => {
            let ids: Vec<&[u8]> = strays.iter().map(|stray| stray.sid.as_bytes().as_slice()).collect();
            let lens: Vec<i64> = strays.iter().map(|stray| bytes_to_sql(stray.byte_len)).collect();
            let at = timestamp_to_sql(*at);
            pool.fetch_all(DOING, || sqlx::query(ADOPT).bind(ids.clone()).bind(lens.clone()).bind(at)).await?
        }
        SegmentChange::Remove { sids, until } => {
            let (ids, until) = (ids(sids), timestamp_to_sql(*until));
            pool.fetch_all(DOING, || sqlx::query(REMOVE).bind(ids.clone()).bind(until)).await?
        }
        SegmentChange::Mark { sid } => {
            pool.fetch_all(DOING, || sqlx::query(MARK).bind(sid.as_bytes().as_slice())).await?
        }
    };
    Ok(changed.len() as u64)
}

/// Pairs of volumes and segments.
pub(super) async fn holdings_list(
    pool: &Pool,
    sids: &[SegmentId],
    after: Option<(VolumeId, SegmentId)>,
    limit: u32,
) -> Result<Vec<(VolumeId, SegmentId)>, Error> {
    const DOING: &str = "listing the volumes of segments";
    const PAIRS: &str = "
        SELECT vid, sid FROM segment_volume WHERE sid = ANY($1) AND (vid, sid) > ($2, $3) ORDER BY vid, sid LIMIT $4";
    let (vid, sid) =
        after.map_or_else(Default::default, |(vid, sid)| (vid.as_bytes().to_vec(), sid.as_bytes().to_vec()));
    let ids = ids(sids);
    let statement = || sqlx::query(PAIRS).bind(ids.clone()).bind(vid.clone()).bind(sid.clone()).bind(i64::from(limit));
    let rows = pool.fetch_all(DOING, statement).await?;
    rows.iter().map(|row| HoldingRaw::from_row(row).map_err(damaged(DOING))?.read(DOING)).collect()
}

/// What segments hold of a volume.
pub(super) async fn holdings_read(
    pool: &Pool,
    vid: VolumeId,
    sids: &[SegmentId],
) -> Result<Vec<(SegmentId, Holding)>, Error> {
    const DOING: &str = "reading what segments hold of a volume";
    const HELD: &str = "
        SELECT s.sid, h.graft FROM segment s LEFT JOIN segment_volume h ON h.vid = $1 AND h.sid = s.sid
        WHERE s.sid = ANY($2)";
    let ids = ids(sids);
    let rows = pool.fetch_all(DOING, || sqlx::query(HELD).bind(vid.as_bytes().as_slice()).bind(ids.clone())).await?;
    rows.iter().map(|row| HeldRaw::from_row(row).map_err(damaged(DOING))?.read(vid, DOING)).collect()
}

/// How far the search for orphans has come.
pub(super) async fn orphan_mark(pool: &Pool) -> Result<Option<SegmentId>, Error> {
    const DOING: &str = "reading how far the search for orphans has come";
    let row = pool.fetch_optional(DOING, || sqlx::query("SELECT checked_to FROM orphan_search")).await?;
    row.map(|row| {
        let sid: Vec<u8> = row.try_get("checked_to").map_err(damaged(DOING))?;
        SegmentId::try_from(sid.as_slice()).map_err(damaged(DOING))
    })
    .transpose()
}

fn ids(sids: &[SegmentId]) -> Vec<&[u8]> {
    sids.iter().map(|sid| sid.as_bytes().as_slice()).collect()
}
