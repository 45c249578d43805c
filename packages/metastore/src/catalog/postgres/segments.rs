//! Rows of segments: written once by one statement, and read by id.

use catgraft_core::{SegmentId, Timestamp};
use sqlx::FromRow;

use super::pool::Pool;
use crate::catalog::{
    Error, SegmentRow, SegmentState,
    rows::{SegmentRaw, StateRaw, bytes_to_sql, damaged, timestamp_to_sql},
    types::refuse_difference,
};

const DOING: &str = "registering segments";

/// Writes what is not there yet and answers the ids that it wrote.
const REGISTER: &str = "
    WITH fresh AS (
        INSERT INTO segment (sid, byte_len, index_offset, index_len, index_hash, registered_at)
        SELECT sid, byte_len, index_offset, index_len, index_hash, $6
        FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])
             AS row (sid, byte_len, index_offset, index_len, index_hash)
        ON CONFLICT (sid) DO NOTHING
        RETURNING sid
    ),
    held AS (
        INSERT INTO segment_volume (vid, sid, page_count, graft)
        SELECT row.vid, row.sid, row.page_count, row.graft
        FROM unnest($7::bytea[], $8::bytea[], $9::bigint[], $10::bytea[]) AS row (vid, sid, page_count, graft)
        JOIN fresh ON fresh.sid = row.sid
    )
    SELECT sid FROM fresh";

/// Writes the rows that are not there yet, and compares the others.
pub(super) async fn segments_register(pool: &Pool, rows: &[SegmentRow], now: Timestamp) -> Result<(), Error> {
    let columns = Columns::of(rows);
    let statement = || {
        sqlx::query(REGISTER)
            .bind(columns.sids.clone())
            .bind(columns.byte_lens.clone())
            .bind(columns.index_offsets.clone())
            .bind(columns.index_lens.clone())
            .bind(columns.index_hashes.clone())
            .bind(timestamp_to_sql(now))
            .bind(columns.held_vids.clone())
            .bind(columns.held_sids.clone())
            .bind(columns.held_page_counts.clone())
            .bind(columns.held_grafts.clone())
    };
    let fresh = pool.fetch_all(DOING, statement).await?;
    if fresh.len() == rows.len() {
        return Ok(());
    }
    let sids: Vec<SegmentId> = rows.iter().map(|row| row.sid).collect();
    refuse_difference(rows, &segments_states(pool, &sids).await?)
}

/// The rows of segments with what their removal needs.
async fn segments_states(pool: &Pool, sids: &[SegmentId]) -> Result<Vec<SegmentState>, Error> {
    const STATES: &str = "
        SELECT sid, byte_len, index_offset, index_len, index_hash, registered_at, doomed_at
        FROM segment WHERE sid = ANY($1)";
    let ids: Vec<&[u8]> = sids.iter().map(|sid| sid.as_bytes().as_slice()).collect();
    let rows = pool.fetch_all(DOING, || sqlx::query(STATES).bind(ids.clone())).await?;
    rows.iter().map(|row| StateRaw::from_row(row).map_err(damaged(DOING))?.read(DOING)).collect()
}

/// The rows of segments, without their volumes.
pub(super) async fn segments_read(pool: &Pool, sids: &[SegmentId]) -> Result<Vec<SegmentRow>, Error> {
    const DOING: &str = "reading segments";
    const SEGMENTS: &str = "SELECT sid, byte_len, index_offset, index_len, index_hash FROM segment WHERE sid = ANY($1)";
    let ids: Vec<&[u8]> = sids.iter().map(|sid| sid.as_bytes().as_slice()).collect();
    let rows = pool.fetch_all(DOING, || sqlx::query(SEGMENTS).bind(ids.clone())).await?;
    rows.iter().map(|row| SegmentRaw::from_row(row).map_err(damaged(DOING))?.read(DOING)).collect()
}

/// The rows column by column, as the statement takes them.
struct Columns<'a> {
    sids: Vec<&'a [u8]>,
    byte_lens: Vec<i64>,
    index_offsets: Vec<i64>,
    index_lens: Vec<i64>,
    index_hashes: Vec<&'a [u8]>,
    held_vids: Vec<&'a [u8]>,
    held_sids: Vec<&'a [u8]>,
    held_page_counts: Vec<i64>,
    held_grafts: Vec<Vec<u8>>,
}

impl<'a> Columns<'a> {
    fn of(rows: &'a [SegmentRow]) -> Self {
        let held = || rows.iter().flat_map(|row| row.volumes.iter().map(move |(vid, pages)| (row, vid, pages)));
        Self {
            sids: rows.iter().map(|row| row.sid.as_bytes().as_slice()).collect(),
            byte_lens: rows.iter().map(|row| bytes_to_sql(row.byte_len)).collect(),
            index_offsets: rows.iter().map(|row| bytes_to_sql(row.index_offset)).collect(),
            index_lens: rows.iter().map(|row| i64::from(row.index_len)).collect(),
            index_hashes: rows.iter().map(|row| row.index_hash.as_slice()).collect(),
            held_vids: held().map(|(_, vid, _)| vid.as_bytes().as_slice()).collect(),
            held_sids: held().map(|(row, _, _)| row.sid.as_bytes().as_slice()).collect(),
            held_page_counts: held().map(|(_, _, pages)| bytes_to_sql(pages.len())).collect(),
            held_grafts: held().map(|(_, _, pages)| pages.encode().to_vec()).collect(),
        }
    }
}
