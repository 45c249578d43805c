//! A commit in Postgres: one statement, one round trip, where its segments were registered here a moment ago and nobody
//! else has committed on its base. Otherwise one statement more, which reads what the commit is decided on.
//!
//! Why a decision holds although nothing that it looks at is locked: all of it is either immutable once it exists (a
//! commit, a segment's page sets) or is named again by the statement that swaps the head. An accepted commit was decided
//! on `head = base` and on segments that are there and not doomed. The swap locks the volume's row, changes it only where
//! its head still is `base`, and goes on only where all of the segments still are there. They are not locked: a
//! segment that is doomed meanwhile is removed a grace period later, when this statement has long ended, and
//! not if it is named by then (see [`crate::orphans`]). The log row is written by the same statement, from the rows that
//! the swap returns: there is no head without its commit and no commit without its head, whatever is killed.
//!
//! Where the swap changes nothing, what the decision was made on is gone: somebody else's commit landed or a segment was
//! doomed. Then the state is read (again), and the next decision is another one.

use std::collections::HashMap;

use catgraft_core::{Lsn, SegmentId, Timestamp};
use catgraft_proto::CommitCall;
use sqlx::{FromRow, Row, postgres::PgRow};

use super::{
    DOING_COMMIT as DOING,
    group::{Group, Move},
    pool::Pool,
    recent::Recent,
};
use crate::{
    catalog::{
        CommitOutcome, Error, SegmentList, Snapshot,
        blob::page_set_from_row,
        rows::{CommitRaw, damaged, lsn_from_sql, lsn_to_sql, timestamp_to_sql},
    },
    commit::{CommitState, Decision, Holding, Rival, decide, lsn_after},
};

/// How often a commit is decided anew. Each round means that another commit landed on the same base or that a
/// segment vanished, and the round after it answers that; more rounds than these are a bug.
const ROUNDS_MAX: u32 = 4;

/// One row, so that the rival's list of segments is sent once. The two arrays go together; a graft is null where the
/// segment holds nothing of the volume.
const STATE: &str = "
    SELECT v.head_lsn, v.checkpoint_lsn, c.lsn, c.cid, c.page_count, c.committed_at, c.segments, held.sids, held.grafts
    FROM (
        SELECT coalesce(array_agg(s.sid ORDER BY s.sid), '{}') AS sids,
               coalesce(array_agg(h.graft ORDER BY s.sid), '{}') AS grafts
        FROM segment s LEFT JOIN segment_volume h ON h.vid = $1 AND h.sid = s.sid
        WHERE s.sid = ANY($3) AND s.doomed_at IS NULL
    ) AS held
    LEFT JOIN volume v ON v.vid = $1
    LEFT JOIN volume_commit c ON c.vid = $1 AND c.lsn = $2";

/// The first commit of a volume makes its row.
const SWAP_FIRST: &str = "
    WITH held AS MATERIALIZED (SELECT sid FROM segment WHERE sid = ANY($6) AND doomed_at IS NULL),
    swap AS (
        INSERT INTO volume (vid, head_lsn, head_cid, page_count, checkpoint_lsn, committed_at)
        SELECT $1, $2, $3, $4, 1, $5 WHERE (SELECT count(*) FROM held) = cardinality($6)
        ON CONFLICT (vid) DO NOTHING
        RETURNING vid, checkpoint_lsn
    )
    INSERT INTO volume_commit (vid, lsn, cid, page_count, committed_at, segments)
    SELECT vid, $2, $3, $4, $5, $7 FROM swap
    RETURNING (SELECT checkpoint_lsn FROM swap) AS checkpoint_lsn";

/// Every other commit moves it on from its base.
const SWAP_NEXT: &str = "
    WITH held AS MATERIALIZED (SELECT sid FROM segment WHERE sid = ANY($6) AND doomed_at IS NULL),
    swap AS (
        UPDATE volume SET head_lsn = $2, head_cid = $3, page_count = $4, committed_at = $5
        WHERE vid = $1 AND head_lsn = $2 - 1 AND (SELECT count(*) FROM held) = cardinality($6)
        RETURNING vid, checkpoint_lsn
    )
    INSERT INTO volume_commit (vid, lsn, cid, page_count, committed_at, segments)
    SELECT vid, $2, $3, $4, $5, $7 FROM swap
    RETURNING (SELECT checkpoint_lsn FROM swap) AS checkpoint_lsn";

/// Decides a commit and carries the decision out: first as if nobody had committed meanwhile, which takes one round trip
/// that other commits may share, and where that does not hold, on what the catalog says.
pub(super) async fn commit_append(
    pool: &Pool,
    group: &Group,
    recent: &Recent,
    call: &CommitCall,
    now: Timestamp,
) -> Result<CommitOutcome, Error> {
    let mut sids: Vec<SegmentId> = call.segments.iter().map(|segment| segment.sid).collect();
    sids.sort_unstable();
    sids.dedup();
    if let Some(guess) = recent.guess(call)
        && let Decision::Accept(lsn) = decide(call, &guess)
        && let Some(snapshot) = match call.base {
            Some(_) => swap_with_others(group, call, &sids, lsn, now).await?,
            None => swap_head(pool, call, &sids, lsn, now).await?,
        }
    {
        return Ok(CommitOutcome::Committed(snapshot));
    }
    for _ in 0..ROUNDS_MAX {
        let state = read_state(pool, call, &sids).await?;
        match decide(call, &state) {
            Decision::AlreadyCommitted(snapshot) => return Ok(CommitOutcome::AlreadyCommitted(snapshot)),
            Decision::Rejected => return Ok(CommitOutcome::Rejected { head: state.head }),
            Decision::Invalid(invalid) => return Ok(CommitOutcome::Invalid(invalid)),
            Decision::Accept(lsn) => {
                if let Some(snapshot) = swap_head(pool, call, &sids, lsn, now).await? {
                    return Ok(CommitOutcome::Committed(snapshot));
                }
            }
        }
    }
    Err(Error::Unavailable { doing: DOING, source: format!("the head moved {ROUNDS_MAX} times meanwhile").into() })
}

/// All that the commit names, as it is at one moment.
async fn read_state(pool: &Pool, call: &CommitCall, sids: &[SegmentId]) -> Result<CommitState, Error> {
    let next = lsn_after(call.base).map_or(i64::MAX, lsn_to_sql);
    let ids: Vec<&[u8]> = sids.iter().map(|sid| sid.as_bytes().as_slice()).collect();
    let row = pool
        .fetch_optional(DOING, || sqlx::query(STATE).bind(call.vid.as_bytes().as_slice()).bind(next).bind(ids.clone()))
        .await?
        .ok_or_else(|| damaged(DOING)(sqlx::Error::RowNotFound))?;
    let held: Vec<Vec<u8>> = row.try_get("sids").map_err(damaged(DOING))?;
    let grafts: Vec<Option<Vec<u8>>> = row.try_get("grafts").map_err(damaged(DOING))?;
    let mut state = CommitState { segments: HashMap::with_capacity(held.len()), ..CommitState::default() };
    read_head(&row, call, &mut state)?;
    for (sid, graft) in held.iter().zip(grafts) {
        let holding = match graft {
            None => Holding::OtherVolumes,
            Some(graft) => Holding::Pages(page_set_from_row(&graft).map_err(|source| Error::DamagedVolume {
                doing: DOING,
                vid: call.vid,
                source,
            })?),
        };
        state.segments.insert(sid.as_slice().try_into().map_err(damaged(DOING))?, holding);
    }
    Ok(state)
}

fn read_head(row: &PgRow, call: &CommitCall, state: &mut CommitState) -> Result<(), Error> {
    let Some(head) = row.try_get::<Option<i64>, _>("head_lsn").map_err(damaged(DOING))? else { return Ok(()) };
    state.head = Some(lsn_from_sql(head, DOING)?);
    if row.try_get::<Option<i64>, _>("lsn").map_err(damaged(DOING))?.is_some() {
        let checkpoint = lsn_from_sql(row.try_get("checkpoint_lsn").map_err(damaged(DOING))?, DOING)?;
        let commit = CommitRaw::from_row(row).map_err(damaged(DOING))?.read(DOING)?;
        let pages =
            commit.segments.pages().map_err(|source| Error::DamagedVolume { doing: DOING, vid: call.vid, source })?;
        state.rival = Some(Rival { snapshot: commit.snapshot(call.vid, checkpoint), pages });
    }
    Ok(())
}

/// Moves the head together with those of other volumes; none where that was not possible.
async fn swap_with_others(
    group: &Group,
    call: &CommitCall,
    sids: &[SegmentId],
    lsn: Lsn,
    now: Timestamp,
) -> Result<Option<Snapshot>, Error> {
    let CommitCall { vid, cid, page_count, .. } = *call;
    let segments = SegmentList::encode(&call.segments);
    let wanted = Move { vid, lsn, cid, page_count, now, sids: sids.to_vec(), segments };
    let checkpoint = group.swap(wanted).await?;
    Ok(checkpoint.map(|checkpoint| Snapshot { vid, cid, lsn, checkpoint, page_count, timestamp: now }))
}

/// Moves the head from the commit's base to `lsn`; none where something came in between.
async fn swap_head(
    pool: &Pool,
    call: &CommitCall,
    sids: &[SegmentId],
    lsn: Lsn,
    now: Timestamp,
) -> Result<Option<Snapshot>, Error> {
    let ids: Vec<&[u8]> = sids.iter().map(|sid| sid.as_bytes().as_slice()).collect();
    let segments = SegmentList::encode(&call.segments);
    let statement = || {
        sqlx::query(if call.base.is_none() { SWAP_FIRST } else { SWAP_NEXT })
            .bind(call.vid.as_bytes().as_slice())
            .bind(lsn_to_sql(lsn))
            .bind(call.cid.as_bytes().as_slice())
            .bind(i64::from(call.page_count.get()))
            .bind(timestamp_to_sql(now))
            .bind(ids.clone())
            .bind(segments.as_bytes())
    };
    let Some(row) = pool.fetch_optional(DOING, statement).await? else { return Ok(None) };
    let checkpoint = lsn_from_sql(row.try_get("checkpoint_lsn").map_err(damaged(DOING))?, DOING)?;
    let CommitCall { vid, cid, page_count, .. } = *call;
    Ok(Some(Snapshot { vid, cid, lsn, checkpoint, page_count, timestamp: now }))
}
