//! What the removal of segments that no commit names asks of the embedded catalog. What it means is said in
//! [`crate::orphans`].

use catgraft_core::{SegmentId, Timestamp, VolumeId};
use sqlx::{FromRow, Row, Sqlite, SqliteConnection, SqlitePool, query::Query, sqlite::SqliteArguments};

use super::error::{Failure, outward};
use crate::catalog::{
    Error, Holding, SegmentChange, SegmentState,
    rows::{HeldRaw, HoldingRaw, StateRaw, bytes_to_sql, damaged, timestamp_to_sql},
};

/// Rows of segments by id.
pub(super) async fn segments_list(
    reads: &SqlitePool,
    after: Option<SegmentId>,
    limit: u32,
) -> Result<Vec<SegmentState>, Error> {
    // No id is empty, so all of them come after the empty one.
    const STATES: &str = "
        SELECT sid, byte_len, index_offset, index_len, index_hash, registered_at, doomed_at
        FROM segment WHERE sid > ?1 ORDER BY sid LIMIT ?2";
    let after = after.map_or(Vec::new(), |sid| sid.as_bytes().to_vec());
    read_states(reads, "listing segments", sqlx::query(STATES).bind(after).bind(i64::from(limit))).await
}

/// Doomed segments, oldest first. No commit is ever on its way beside the writer.
pub(super) async fn segments_doomed(
    reads: &SqlitePool,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<SegmentState>, Error> {
    const DOOMED: &str = "
        SELECT sid, byte_len, index_offset, index_len, index_hash, registered_at, doomed_at
        FROM segment WHERE doomed_at <= ?1 ORDER BY doomed_at, sid LIMIT ?2";
    let statement = sqlx::query(DOOMED).bind(timestamp_to_sql(until)).bind(i64::from(limit));
    read_states(reads, "listing doomed segments", statement).await
}

async fn read_states(
    reads: &SqlitePool,
    doing: &'static str,
    statement: Query<'_, Sqlite, SqliteArguments>,
) -> Result<Vec<SegmentState>, Error> {
    let rows = statement.fetch_all(reads).await.map_err(|error| outward(doing, error))?;
    rows.iter().map(|row| StateRaw::from_row(row).map_err(damaged(doing))?.read(doing)).collect()
}

/// One step in the removal of segments, inside the writer's transaction.
pub(super) async fn segments_change(connection: &mut SqliteConnection, change: &SegmentChange) -> Result<u64, Failure> {
    const DOOM: &str = "UPDATE segment SET doomed_at = ?2 WHERE sid = ?1 AND doomed_at IS NULL";
    const PARDON: &str = "UPDATE segment SET doomed_at = NULL WHERE sid = ?1 AND doomed_at IS NOT NULL";
    // Nothing is known of the content, and nothing of it will ever be asked for.
    const ADOPT: &str = "
        INSERT INTO segment (sid, byte_len, index_offset, index_len, index_hash, registered_at, doomed_at)
        VALUES (?1, ?2, 0, 0, zeroblob(32), ?3, ?3) ON CONFLICT (sid) DO NOTHING";
    const REMOVE_HOLDINGS: &str = "
        DELETE FROM segment_volume WHERE sid = (SELECT sid FROM segment WHERE sid = ?1 AND doomed_at <= ?2)";
    const REMOVE: &str = "DELETE FROM segment WHERE sid = ?1 AND doomed_at <= ?2";
    const MARK: &str = "
        INSERT INTO orphan_search (only_row, checked_to) VALUES (1, ?1)
        ON CONFLICT (only_row) DO UPDATE SET checked_to = excluded.checked_to
        WHERE orphan_search.checked_to < excluded.checked_to";
    let mut changed = 0;
    match change {
        SegmentChange::Doom { sids, at } => {
            for sid in sids {
                let statement = sqlx::query(DOOM).bind(sid.as_bytes().as_slice()).bind(timestamp_to_sql(*at));
                changed += statement.execute(&mut *connection).await?.rows_affected();
            }
        }
        SegmentChange::Pardon { sids } => {
            for sid in sids {
                let statement = sqlx::query(PARDON).bind(sid.as_bytes().as_slice());
                changed += statement.execute(&mut *connection).await?.rows_affected();
            }
        }
        SegmentChange::Adopt { strays, at } => {
            for stray in strays {
                let statement = sqlx::query(ADOPT).bind(stray.sid.as_bytes().as_slice());
                let statement = statement.bind(bytes_to_sql(stray.byte_len)).bind(timestamp_to_sql(*at));
                changed += statement.execute(&mut *connection).await?.rows_affected();
            }
        }
        SegmentChange::Remove { sids, until } => {
            let until = timestamp_to_sql(*until);
            for sid in sids {
                let sid = sid.as_bytes().as_slice();
                sqlx::query(REMOVE_HOLDINGS).bind(sid).bind(until).execute(&mut *connection).await?;
                changed += sqlx::query(REMOVE).bind(sid).bind(until).execute(&mut *connection).await?.rows_affected();
            }
        }
        SegmentChange::Mark { sid } => {
            let statement = sqlx::query(MARK).bind(sid.as_bytes().as_slice());
            changed += statement.execute(connection).await?.rows_affected();
        }
    }
    Ok(changed)
}

/// Pairs of volumes and segments.
pub(super) async fn holdings_list(
    reads: &SqlitePool,
    sids: &[SegmentId],
    after: Option<(VolumeId, SegmentId)>,
    limit: u32,
) -> Result<Vec<(VolumeId, SegmentId)>, Error> {
    const DOING: &str = "listing the volumes of segments";
    const PAIRS: &str = "
        SELECT vid, sid FROM segment_volume WHERE sid = ?1 AND (vid, sid) > (?2, ?3) ORDER BY vid LIMIT ?4";
    let (vid, sid) =
        after.map_or_else(Default::default, |(vid, sid)| (vid.as_bytes().to_vec(), sid.as_bytes().to_vec()));
    let mut connection = reads.acquire().await.map_err(|error| outward(DOING, error))?;
    let mut pairs = Vec::new();
    for segment in sids {
        let statement = sqlx::query(PAIRS).bind(segment.as_bytes().as_slice()).bind(vid.clone()).bind(sid.clone());
        let rows = statement.bind(i64::from(limit)).fetch_all(&mut *connection).await;
        for row in rows.map_err(|error| outward(DOING, error))? {
            pairs.push(HoldingRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)?);
        }
        // The first of the pairs so far are the only ones that can be among the first of all.
        pairs.sort_unstable();
        pairs.truncate(limit as usize);
    }
    Ok(pairs)
}

/// What segments hold of a volume.
pub(super) async fn holdings_read(
    reads: &SqlitePool,
    vid: VolumeId,
    sids: &[SegmentId],
) -> Result<Vec<(SegmentId, Holding)>, Error> {
    const DOING: &str = "reading what segments hold of a volume";
    const HELD: &str = "
        SELECT s.sid, h.graft FROM segment s LEFT JOIN segment_volume h ON h.vid = ?1 AND h.sid = s.sid
        WHERE s.sid = ?2";
    let mut connection = reads.acquire().await.map_err(|error| outward(DOING, error))?;
    let mut held = Vec::with_capacity(sids.len());
    for sid in sids {
        let statement = sqlx::query(HELD).bind(vid.as_bytes().as_slice()).bind(sid.as_bytes().as_slice());
        let row = statement.fetch_optional(&mut *connection).await.map_err(|error| outward(DOING, error))?;
        if let Some(row) = row {
            held.push(HeldRaw::from_row(&row).map_err(damaged(DOING))?.read(vid, DOING)?);
        }
    }
    Ok(held)
}

/// How far the search for orphans has come.
pub(super) async fn orphan_mark(reads: &SqlitePool) -> Result<Option<SegmentId>, Error> {
    const DOING: &str = "reading how far the search for orphans has come";
    let row = sqlx::query("SELECT checked_to FROM orphan_search").fetch_optional(reads).await;
    row.map_err(|error| outward(DOING, error))?
        .map(|row| {
            let sid: Vec<u8> = row.try_get("checked_to").map_err(damaged(DOING))?;
            SegmentId::try_from(sid.as_slice()).map_err(damaged(DOING))
        })
        .transpose()
}
