//! The volume indexes in use: found, extended once however many readers wait, and dropped when memory ends.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use catgraft_client::MetastoreClient;
use catgraft_core::{ByteSize, Lsn, LsnError, PageCount, VolumeId};
use catgraft_proto::{
    InvalidMessage, SegmentPages,
    catgraft::internal::v1::{LogCommit, ReadLogRequest, ReadLogResponse},
};
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use tokio::sync::Semaphore;

use super::versions::{LogError, LoggedCommit, Versions};

/// Commits of a part of a long log: enough that a call is little of the work, and a log of 10,000 commits has several.
const PART_COMMITS: u64 = 2048;
/// Parts of a log that are on their way at a time.
const PARTS_AT_ONCE: usize = 2;
/// What an index costs beside its versions.
const SLOT_BYTES: usize = 256;

/// The index could not be brought to the LSN that was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error("volume {vid} has no LSN {lsn}")]
    Missing { vid: VolumeId, lsn: Lsn },
    #[error("the commits of volume {vid} could not be read from the metastore")]
    Metastore {
        vid: VolumeId,
        #[source]
        source: catgraft_client::Error,
    },
    #[error("the metastore's commit log of volume {vid} is damaged")]
    Log {
        vid: VolumeId,
        #[source]
        source: LogError,
    },
    #[error("the metastore's commit log of volume {vid} has LSN 0")]
    Lsn {
        vid: VolumeId,
        #[source]
        source: LsnError,
    },
    #[error("the metastore's commit log of volume {vid} can't be read")]
    Message {
        vid: VolumeId,
        #[source]
        source: InvalidMessage,
    },
}

/// One volume's index, with the lock that makes extending it a single flight.
#[derive(Debug, Default)]
pub(crate) struct VolumeIndex {
    versions: RwLock<Versions>,
    /// Held by whoever extends the index; inside, how the last flight failed.
    extending: tokio::sync::Mutex<Option<Failure>>,
    /// Flights that have ended.
    flights: AtomicU64,
    used: AtomicU64,
    weight: AtomicUsize,
}

/// A flight that did not reach the metastore: those who waited for it are told the same.
#[derive(Debug, Clone)]
struct Failure {
    flight: u64,
    error: Arc<IndexError>,
}

impl VolumeIndex {
    /// The index, for a moment: it must not be held across an await.
    pub(crate) fn versions(&self) -> RwLockReadGuard<'_, Versions> {
        self.versions.read()
    }

    fn knows(&self, lsn: Lsn) -> bool {
        self.versions.read().head().is_some_and(|head| head >= lsn)
    }
}

/// All indexes in use.
#[derive(Debug)]
pub(crate) struct VolumeIndexes {
    metastore: MetastoreClient,
    updates: Semaphore,
    slots: Mutex<HashMap<VolumeId, Arc<VolumeIndex>>>,
    weight: AtomicUsize,
    weight_max: usize,
    /// Counts lookups, so that the least recently used is known.
    ticks: AtomicU64,
}

impl VolumeIndexes {
    /// No indexes yet; at most `limit` of memory, and so many questions to the metastore at a time.
    pub(crate) fn new(metastore: MetastoreClient, limit: ByteSize, updates_max: usize) -> Self {
        Self {
            metastore,
            updates: Semaphore::new(updates_max.max(1)),
            slots: Mutex::default(),
            weight: AtomicUsize::new(0),
            weight_max: usize::try_from(limit.as_bytes()).unwrap_or(usize::MAX),
            ticks: AtomicU64::new(0),
        }
    }

    /// The index of a volume, at least up to this LSN.
    pub(crate) async fn at(&self, vid: VolumeId, lsn: Lsn) -> Result<Arc<VolumeIndex>, Arc<IndexError>> {
        let index = self.slot(vid);
        if index.knows(lsn) {
            return Ok(index);
        }
        // Also where the reader goes away in the middle.
        let forget = ForgetEmpty { volumes: self, vid, index: &index };
        let flights_before = index.flights.load(Ordering::Acquire);
        let mut last_failure = index.extending.lock().await;
        if !index.knows(lsn) {
            if let Some(failure) = last_failure.as_ref().filter(|failure| failure.flight > flights_before) {
                return Err(Arc::clone(&failure.error));
            }
            let outcome = self.extend(vid, &index, lsn).await.map_err(Arc::new);
            let flight = index.flights.fetch_add(1, Ordering::AcqRel) + 1;
            *last_failure = match &outcome {
                Err(error) if matches!(**error, IndexError::Metastore { .. }) => {
                    Some(Failure { flight, error: Arc::clone(error) })
                }
                _ => None,
            };
            outcome?;
        }
        drop((last_failure, forget));
        Ok(index)
    }

    /// Bytes of memory in use.
    pub(crate) fn memory_usage(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    fn slot(&self, vid: VolumeId) -> Arc<VolumeIndex> {
        let tick = self.ticks.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::clone(self.slots.lock().entry(vid).or_default());
        slot.used.store(tick, Ordering::Relaxed);
        slot
    }

    /// A volume that does not exist takes no memory for having been asked for.
    fn forget_empty(&self, vid: VolumeId, index: &Arc<VolumeIndex>) {
        let mut slots = self.slots.lock();
        let is_entered = slots.get(&vid).is_some_and(|entered| Arc::ptr_eq(entered, index));
        if is_entered && index.versions.read().head().is_none() {
            slots.remove(&vid);
        }
    }

    /// Reads the log from the index's head on. A long one is read in parts, the next of which is on its way while one is
    /// entered.
    async fn extend(&self, vid: VolumeId, index: &Arc<VolumeIndex>, lsn: Lsn) -> Result<(), IndexError> {
        let _permit = self.updates.acquire().await;
        let mut at_once = PARTS_AT_ONCE;
        while !index.knows(lsn) {
            let known = index.versions.read().head().map_or(0, Lsn::get);
            let parts = stream::iter(parts(known, lsn)).map(|part| self.read_log(vid, part));
            let mut answers = pin!(parts.buffered(at_once));
            let mut next = known;
            while let Some(ReadLogResponse { head_lsn, commits }) = answers.try_next().await? {
                if head_lsn < lsn.get() || commits.is_empty() {
                    return Err(IndexError::Missing { vid, lsn });
                }
                next += commits.len() as u64;
                self.enter(vid, index, commits)?;
                if !(next - known).is_multiple_of(PART_COMMITS) {
                    // The last part, or one that was cut short because its commits are large. Behind it the others leave
                    // a gap and are read in vain, so from now on there are none.
                    at_once = 1;
                    break;
                }
            }
        }
        Ok(())
    }

    async fn read_log(&self, vid: VolumeId, part: Part) -> Result<ReadLogResponse, IndexError> {
        let Part { after_lsn, commits_max } = part;
        let request = ReadLogRequest { vid: bytes::Bytes::copy_from_slice(vid.as_bytes()), after_lsn, commits_max };
        self.metastore.read_log(&request).await.map_err(|source| IndexError::Metastore { vid, source })
    }

    fn enter(&self, vid: VolumeId, index: &Arc<VolumeIndex>, commits: Vec<LogCommit>) -> Result<(), IndexError> {
        let mut unread = Ok(());
        let commits = commits.into_iter().map_while(|commit| match logged(vid, commit) {
            Ok(commit) => Some(commit),
            Err(error) => {
                unread = Err(error);
                None
            }
        });
        let appended = index.versions.write().append(commits);
        self.keep(vid, index);
        appended.map_err(|source| IndexError::Log { vid, source }).and(unread)
    }

    /// Counts an index that has grown, and makes room where there is none.
    fn keep(&self, vid: VolumeId, index: &Arc<VolumeIndex>) {
        let weight = SLOT_BYTES + index.versions.read().memory_len();
        let mut slots = self.slots.lock();
        if !slots.get(&vid).is_some_and(|entered| Arc::ptr_eq(entered, index)) {
            // It was dropped meanwhile; those who read it keep it for themselves.
            return;
        }
        let before = index.weight.swap(weight, Ordering::Relaxed);
        let total = self.weight.load(Ordering::Relaxed) + weight - before;
        self.weight.store(total, Ordering::Relaxed);
        if total > self.weight_max {
            self.weight.store(drop_oldest(&mut slots, vid, total, self.weight_max), Ordering::Relaxed);
        }
    }
}

/// A part of a log to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    after_lsn: u64,
    /// 0 where it may be as many as fit.
    commits_max: u32,
}

/// The log after an LSN, at least up to another, in parts. The last takes what there is beyond.
fn parts(known: u64, lsn: Lsn) -> impl Iterator<Item = Part> {
    let full = lsn.get().saturating_sub(known).saturating_sub(1) / PART_COMMITS;
    (0..=full).map(move |number| Part {
        after_lsn: known + number * PART_COMMITS,
        commits_max: if number < full { PART_COMMITS as u32 } else { 0 },
    })
}

/// Forgets an index that is still empty when the reader is done with it, in whatever way.
struct ForgetEmpty<'a> {
    volumes: &'a VolumeIndexes,
    vid: VolumeId,
    index: &'a Arc<VolumeIndex>,
}

impl Drop for ForgetEmpty<'_> {
    fn drop(&mut self) {
        self.volumes.forget_empty(self.vid, self.index);
    }
}

/// Drops what was not used the longest, down to nine tenths of the limit, and says what is left. The volume that is
/// being read stays, even where it alone is over the limit.
fn drop_oldest(
    slots: &mut HashMap<VolumeId, Arc<VolumeIndex>>,
    keep: VolumeId,
    mut total: usize,
    limit: usize,
) -> usize {
    let mut by_age: Vec<(u64, VolumeId)> =
        slots.iter().map(|(vid, slot)| (slot.used.load(Ordering::Relaxed), *vid)).collect();
    by_age.sort_unstable();
    for (_, vid) in by_age {
        if total <= limit / 10 * 9 {
            break;
        }
        if vid != keep
            && let Some(slot) = slots.remove(&vid)
        {
            total = total.saturating_sub(slot.weight.swap(0, Ordering::Relaxed));
        }
    }
    total
}

/// A commit as the metastore tells it.
fn logged(vid: VolumeId, commit: LogCommit) -> Result<LoggedCommit, IndexError> {
    let LogCommit { lsn, page_count, segments } = commit;
    let lsn = Lsn::try_from(lsn).map_err(|source| IndexError::Lsn { vid, source })?;
    let segments = segments.into_iter().map(SegmentPages::try_from).collect::<Result<_, _>>();
    let segments = segments.map_err(|source| IndexError::Message { vid, source })?;
    Ok(LoggedCommit { lsn, page_count: PageCount::new(page_count), segments })
}
