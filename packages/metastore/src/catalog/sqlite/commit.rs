//! A commit in the embedded catalog: read, decide, write, all inside the writer's transaction, so that the head
//! cannot move in between.

use catgraft_core::{Lsn, Timestamp};
use catgraft_proto::CommitCall;
use sqlx::{FromRow, Row, SqliteConnection};

use super::error::Failure;
use crate::{
    catalog::{
        CommitOutcome, Error, SegmentList, Snapshot,
        blob::page_set_from_row,
        rows::{CommitRaw, damaged, lsn_from_sql, lsn_to_sql, timestamp_to_sql},
    },
    commit::{CommitState, Decision, Holding, Rival, decide, lsn_after},
};

const DOING: &str = "committing";

/// Decides a commit and carries the decision out.
pub(super) async fn commit_append(
    connection: &mut SqliteConnection,
    call: &CommitCall,
    now: Timestamp,
) -> Result<CommitOutcome, Failure> {
    let mut state = CommitState::default();
    let checkpoint = read_head(connection, call, &mut state).await?;
    read_segments(connection, call, &mut state).await?;
    let lsn = match decide(call, &state) {
        Decision::AlreadyCommitted(snapshot) => return Ok(CommitOutcome::AlreadyCommitted(snapshot)),
        Decision::Rejected => return Ok(CommitOutcome::Rejected { head: state.head }),
        Decision::Invalid(invalid) => return Ok(CommitOutcome::Invalid(invalid)),
        Decision::Accept(lsn) => lsn,
    };
    let CommitCall { vid, cid, page_count, .. } = *call;
    let snapshot = Snapshot { vid, cid, lsn, checkpoint, page_count, timestamp: now };
    write_commit(connection, &snapshot, &SegmentList::encode(&call.segments)).await?;
    Ok(CommitOutcome::Committed(snapshot))
}

/// Reads the head and the commit that has this one's LSN, and answers the checkpoint.
async fn read_head(
    connection: &mut SqliteConnection,
    call: &CommitCall,
    state: &mut CommitState,
) -> Result<Lsn, Failure> {
    const HEAD: &str = "SELECT head_lsn, checkpoint_lsn FROM volume WHERE vid = ?1";
    const RIVAL: &str =
        "SELECT lsn, cid, page_count, committed_at, segments FROM volume_commit WHERE vid = ?1 AND lsn = ?2";
    let vid = call.vid.as_bytes().as_slice();
    let Some(row) = sqlx::query(HEAD).bind(vid).fetch_optional(&mut *connection).await? else {
        return Ok(Lsn::FIRST);
    };
    state.head = Some(lsn_from_sql(row.try_get("head_lsn").map_err(damaged(DOING))?, DOING)?);
    let checkpoint = lsn_from_sql(row.try_get("checkpoint_lsn").map_err(damaged(DOING))?, DOING)?;
    let next = lsn_after(call.base).map_or(i64::MAX, lsn_to_sql);
    if let Some(row) = sqlx::query(RIVAL).bind(vid).bind(next).fetch_optional(connection).await? {
        let commit = CommitRaw::from_row(&row).map_err(damaged(DOING))?.read(DOING)?;
        let pages =
            commit.segments.pages().map_err(|source| Error::DamagedVolume { doing: DOING, vid: call.vid, source })?;
        state.rival = Some(Rival { snapshot: commit.snapshot(call.vid, checkpoint), pages });
    }
    Ok(checkpoint)
}

/// Reads what the segments named hold of the volume.
async fn read_segments(
    connection: &mut SqliteConnection,
    call: &CommitCall,
    state: &mut CommitState,
) -> Result<(), Failure> {
    const HOLDING: &str = "
        SELECT h.graft FROM segment s LEFT JOIN segment_volume h ON h.vid = ?1 AND h.sid = s.sid
        WHERE s.sid = ?2 AND s.doomed_at IS NULL";
    for segment in &call.segments {
        let statement = sqlx::query(HOLDING).bind(call.vid.as_bytes().as_slice());
        let row = statement.bind(segment.sid.as_bytes().as_slice()).fetch_optional(&mut *connection).await?;
        let Some(row) = row else { continue };
        let holding = match row.try_get::<Option<&[u8]>, _>("graft").map_err(damaged(DOING))? {
            None => Holding::OtherVolumes,
            Some(graft) => Holding::Pages(page_set_from_row(graft).map_err(|source| Error::DamagedVolume {
                doing: DOING,
                vid: call.vid,
                source,
            })?),
        };
        state.segments.insert(segment.sid, holding);
    }
    Ok(())
}

/// Makes a commit the head.
async fn write_commit(
    connection: &mut SqliteConnection,
    snapshot: &Snapshot,
    segments: &SegmentList,
) -> Result<(), Failure> {
    const HEAD: &str = "
        INSERT INTO volume (vid, head_lsn, head_cid, page_count, checkpoint_lsn, committed_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (vid) DO UPDATE SET head_lsn = ?2, head_cid = ?3, page_count = ?4, committed_at = ?6";
    const COMMIT: &str = "
        INSERT INTO volume_commit (vid, lsn, cid, page_count, committed_at, segments)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let vid = snapshot.vid.as_bytes().as_slice();
    let (lsn, cid) = (lsn_to_sql(snapshot.lsn), snapshot.cid.as_bytes().as_slice());
    let (page_count, at) = (i64::from(snapshot.page_count.get()), timestamp_to_sql(snapshot.timestamp));
    let head = sqlx::query(HEAD).bind(vid).bind(lsn).bind(cid).bind(page_count);
    head.bind(lsn_to_sql(snapshot.checkpoint)).bind(at).execute(&mut *connection).await?;
    let commit = sqlx::query(COMMIT).bind(vid).bind(lsn).bind(cid).bind(page_count).bind(at);
    commit.bind(segments.as_bytes()).execute(connection).await?;
    Ok(())
}
