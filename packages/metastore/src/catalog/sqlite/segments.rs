//! Rows of segments in the embedded catalog.

use catgraft_core::{SegmentId, Timestamp};
use sqlx::{FromRow, SqliteConnection, SqlitePool};

use super::error::{Failure, outward};
use crate::catalog::{
    Error, SegmentRow,
    rows::{SegmentRaw, StateRaw, bytes_to_sql, damaged, timestamp_to_sql},
    types::refuse_difference,
};

const SEGMENT: &str = "SELECT sid, byte_len, index_offset, index_len, index_hash FROM segment WHERE sid = ?1";

const STATE: &str = "
    SELECT sid, byte_len, index_offset, index_len, index_hash, registered_at, doomed_at FROM segment WHERE sid = ?1";

/// Writes the rows that are not there yet, inside the writer's transaction, once all others have been compared.
pub(super) async fn segments_register(
    connection: &mut SqliteConnection,
    rows: &[SegmentRow],
    now: Timestamp,
) -> Result<(), Failure> {
    const DOING: &str = "registering segments";
    let mut fresh = Vec::with_capacity(rows.len());
    for row in rows {
        let found = sqlx::query(STATE).bind(row.sid.as_bytes().as_slice()).fetch_optional(&mut *connection).await?;
        match found {
            None => fresh.push(row),
            Some(found) => {
                let stored = StateRaw::from_row(&found).map_err(damaged(DOING))?.read(DOING)?;
                refuse_difference(std::slice::from_ref(row), &[stored])?;
            }
        }
    }
    for row in fresh {
        segment_insert(connection, row, now).await?;
    }
    Ok(())
}

async fn segment_insert(
    connection: &mut SqliteConnection,
    row: &SegmentRow,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    const INSERT: &str = "
        INSERT INTO segment (sid, byte_len, index_offset, index_len, index_hash, registered_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    const INSERT_VOLUME: &str = "INSERT INTO segment_volume (vid, sid, page_count, graft) VALUES (?1, ?2, ?3, ?4)";
    let sid = row.sid.as_bytes().as_slice();
    let segment = sqlx::query(INSERT).bind(sid).bind(bytes_to_sql(row.byte_len)).bind(bytes_to_sql(row.index_offset));
    let segment = segment.bind(i64::from(row.index_len)).bind(row.index_hash.as_slice());
    segment.bind(timestamp_to_sql(now)).execute(&mut *connection).await?;
    for (vid, pages) in &row.volumes {
        let volume = sqlx::query(INSERT_VOLUME).bind(vid.as_bytes().as_slice()).bind(sid);
        volume.bind(bytes_to_sql(pages.len())).bind(pages.encode().to_vec()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The rows of segments, without their volumes.
pub(super) async fn segments_read(reads: &SqlitePool, sids: &[SegmentId]) -> Result<Vec<SegmentRow>, Error> {
    const DOING: &str = "reading segments";
    let mut connection = reads.acquire().await.map_err(|error| outward(DOING, error))?;
    let mut segments = Vec::with_capacity(sids.len());
    for sid in sids {
        let row = sqlx::query(SEGMENT).bind(sid.as_bytes().as_slice()).fetch_optional(&mut *connection).await;
        if let Some(row) = row.map_err(|error| outward(DOING, error))? {
            segments.push(SegmentRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)?);
        }
    }
    Ok(segments)
}
