//! Commits of many volumes in one statement.
//!
//! A head that is to be moved waits for one of [`STATEMENTS_MAX`] statements. An idle catalog has one free, so nothing
//! waits for a timer; under load, whoever comes while they are under way shares the next one, and with it a round
//! trip, a plan's start, an fsync and a look at each segment that the commits have in common.
//!
//! A statement stands in nobody's way: a volume whose row another statement holds is passed over
//! (`SKIP LOCKED`), so there is nothing to wait for and nothing to dead-lock with. What it did not move, for whatever
//! reason, is answered as not moved, and its commit goes its own way.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::Arc,
};

use catgraft_core::{ClientId, Lsn, PageCount, SegmentId, Timestamp, VolumeId};
use parking_lot::Mutex;
use sqlx::Row;
use tokio::{runtime::Handle, sync::oneshot};

use super::{DOING_COMMIT as DOING, pool::Pool};
use crate::catalog::{
    Error, SegmentList,
    rows::{damaged, lsn_from_sql, lsn_to_sql, timestamp_to_sql},
};

/// Most statements under way. More of them share less: each costs the server about as much as ten of its commits.
const STATEMENTS_MAX: u32 = 2;
/// Most heads that one statement moves.
const MOVES_MAX: usize = 256;
/// Most bytes of segment lists in one statement; one list may be larger alone.
const BYTES_MAX: usize = 1024 * 1024;

/// Moves each volume's head from the LSN before, where it still is there, is not locked, and all of its commit's segments
/// are there; writes the log rows of those that moved, and answers them.
const SWAP_MANY: &str = "
    WITH call AS (
        SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bytea[])
               AS call (vid, lsn, cid, page_count, committed_at, segments)
    ),
    held AS MATERIALIZED (SELECT sid FROM segment WHERE sid = ANY($8) AND doomed_at IS NULL),
    incomplete AS MATERIALIZED (
        SELECT named.vid FROM unnest($7::bytea[], $8::bytea[]) AS named (vid, sid)
        WHERE NOT EXISTS (SELECT FROM held WHERE held.sid = named.sid)
    ),
    locked AS MATERIALIZED (SELECT vid FROM volume WHERE vid = ANY($1) FOR NO KEY UPDATE SKIP LOCKED),
    ready AS MATERIALIZED (
        SELECT call.* FROM call JOIN locked ON locked.vid = call.vid
        WHERE call.vid NOT IN (SELECT vid FROM incomplete)
    ),
    swap AS (
        UPDATE volume SET head_lsn = ready.lsn, head_cid = ready.cid, page_count = ready.page_count,
                          committed_at = ready.committed_at
        FROM ready
        WHERE volume.vid = ready.vid AND volume.vid = ANY($1) AND volume.head_lsn = ready.lsn - 1
        RETURNING ready.*, volume.checkpoint_lsn
    ),
    logged AS (
        INSERT INTO volume_commit (vid, lsn, cid, page_count, committed_at, segments)
        SELECT vid, lsn, cid, page_count, committed_at, segments FROM swap
    )
    SELECT vid, checkpoint_lsn FROM swap";

/// A head that is to be moved on by one.
pub(super) struct Move {
    pub(super) vid: VolumeId,
    pub(super) lsn: Lsn,
    pub(super) cid: ClientId,
    pub(super) page_count: PageCount,
    pub(super) now: Timestamp,
    /// The commit's segments, each once.
    pub(super) sids: Vec<SegmentId>,
    pub(super) segments: SegmentList,
}

/// The volume's checkpoint where the head was moved.
type Outcome = Result<Option<Lsn>, Arc<Error>>;

/// Collects moves and sends them.
pub(super) struct Group {
    shared: Arc<Shared>,
    /// Where statements run. Not where a commit happens to be awaited: a web server's worker that ends, with its own
    /// requests done, must not take those of others with it.
    runtime: Handle,
}

struct Shared {
    pool: Arc<Pool>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    statements: u32,
}

struct Waiting {
    wanted: Move,
    answer: oneshot::Sender<Outcome>,
}

impl Group {
    /// Sends through this pool, on the runtime that this is called in.
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { shared: Arc::new(Shared { pool, queue: Mutex::default() }), runtime: Handle::current() }
    }

    /// Moves a head; answers the volume's checkpoint, or none where the head was not moved.
    pub(super) async fn swap(&self, wanted: Move) -> Result<Option<Lsn>, Error> {
        let (answer, answered) = oneshot::channel();
        if self.shared.queue.lock().enter(Waiting { wanted, answer }) {
            self.runtime.spawn(Arc::clone(&self.shared).work());
        }
        let gone = |source: oneshot::error::RecvError| Error::Unavailable { doing: DOING, source: source.into() };
        answered.await.map_err(gone)?.map_err(|source| Error::Unavailable { doing: DOING, source: source.into() })
    }
}

impl Queue {
    /// Takes a move in; true where a statement is free for it.
    fn enter(&mut self, waiting: Waiting) -> bool {
        self.waiting.push_back(waiting);
        let is_free = self.statements < STATEMENTS_MAX;
        self.statements += u32::from(is_free);
        is_free
    }

    /// What the next statement moves: the oldest, and of each volume one. Where nothing waits, the statement is free.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let (mut moves, mut vids, mut bytes) = (Vec::new(), HashSet::new(), 0);
        for waiting in mem::take(&mut self.waiting) {
            let len = waiting.wanted.segments.byte_len();
            let fits = moves.is_empty() || (moves.len() < MOVES_MAX && bytes + len <= BYTES_MAX);
            if fits && vids.insert(waiting.wanted.vid) {
                bytes += len;
                moves.push(waiting);
            } else {
                self.waiting.push_back(waiting);
            }
        }
        if moves.is_empty() {
            self.statements -= 1;
            return None;
        }
        Some(moves)
    }
}

impl Shared {
    async fn work(self: Arc<Self>) {
        loop {
            let Some(batch) = self.queue.lock().next() else { return };
            let (moves, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|it| (it.wanted, it.answer)).unzip();
            match swap_many(&self.pool, &moves).await {
                Ok(moved) => {
                    for (wanted, answer) in moves.iter().zip(answers) {
                        // Whoever waited may have gone away; the head is moved all the same.
                        let _ = answer.send(Ok(moved.get(&wanted.vid).copied()));
                    }
                }
                // One of them is refused for what it is. Each is tried alone, and told of its own error only.
                Err(Error::Internal { source, .. }) => {
                    tracing::warn!(
                        error = source.as_ref() as &dyn std::error::Error,
                        commits = moves.len(),
                        "commits are tried one by one"
                    );
                    for answer in answers {
                        let _ = answer.send(Ok(None));
                    }
                }
                Err(error) => {
                    let error = Arc::new(error);
                    for answer in answers {
                        let _ = answer.send(Err(Arc::clone(&error)));
                    }
                }
            }
        }
    }
}

/// The checkpoints of the volumes whose heads were moved.
async fn swap_many(pool: &Pool, moves: &[Move]) -> Result<HashMap<VolumeId, Lsn>, Error> {
    let column = |of: fn(&Move) -> &[u8]| -> Vec<&[u8]> { moves.iter().map(of).collect() };
    let numbers = |of: fn(&Move) -> i64| -> Vec<i64> { moves.iter().map(of).collect() };
    let (vids, cids) = (column(|it| it.vid.as_bytes()), column(|it| it.cid.as_bytes()));
    let segments = column(|it| it.segments.as_bytes());
    let lsns = numbers(|it| lsn_to_sql(it.lsn));
    let page_counts = numbers(|it| i64::from(it.page_count.get()));
    let times = numbers(|it| timestamp_to_sql(it.now));
    let named = || moves.iter().flat_map(|it| it.sids.iter().map(move |sid| (it, sid)));
    let named_vids: Vec<&[u8]> = named().map(|(it, _)| it.vid.as_bytes().as_slice()).collect();
    let named_sids: Vec<&[u8]> = named().map(|(_, sid)| sid.as_bytes().as_slice()).collect();
    let statement = || {
        sqlx::query(SWAP_MANY)
            .bind(vids.clone())
            .bind(lsns.clone())
            .bind(cids.clone())
            .bind(page_counts.clone())
            .bind(times.clone())
            .bind(segments.clone())
            .bind(named_vids.clone())
            .bind(named_sids.clone())
    };
    let rows = pool.fetch_all(DOING, statement).await?;
    rows.iter()
        .map(|row| {
            let vid: &[u8] = row.try_get("vid").map_err(damaged(DOING))?;
            let checkpoint = row.try_get("checkpoint_lsn").map_err(damaged(DOING))?;
            Ok((vid.try_into().map_err(damaged(DOING))?, lsn_from_sql(checkpoint, DOING)?))
        })
        .collect()
}
