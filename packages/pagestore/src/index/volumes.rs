//! The volume indexes in use: found, extended once however many readers wait, and dropped when memory ends.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use catgraft_client::MetastoreClient;
use catgraft_core::{ByteSize, Lsn, PageSet, VolumeId, limits::SEGMENT_PAGES_MAX};
use catgraft_proto::catgraft::internal::v1::{LogCommit, ReadLogRequest, ReadLogResponse};
use futures::future::join;
use parking_lot::Mutex;
use tokio::{sync::Semaphore, task::yield_now};

use super::{
    logged::{CommitError, SEGMENTS_AT_ONCE, pieces},
    stored::Files,
    versions::LogError,
    volume::{Planned, VolumeIndex},
};

/// Commits of a part of a long log: enough that a call is little of the work, and a log of 10,000 commits has several.
const PART_COMMITS: u32 = 2048;
/// What an index costs beside its versions.
const SLOT_BYTES: usize = 256;
/// The part of the memory that the versions of one volume may take, before they move to a file.
const VOLUME_PART: usize = 4;
/// Fewer bytes than these are not worth a file.
const FILE_MIN: usize = 1024 * 1024;
/// Pages after which is looked whether all still fits memory.
const PAGES_AT_ONCE: usize = SEGMENTS_AT_ONCE * SEGMENT_PAGES_MAX as usize;
/// Pieces of commits that are taken apart before others have their turn.
const PIECES_AT_ONCE: usize = 128;

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
    #[error("commit {lsn} in the metastore's log of volume {vid} can't be read")]
    Commit {
        vid: VolumeId,
        lsn: u64,
        #[source]
        source: CommitError,
    },
    #[error("the index of volume {vid} is too large for memory, and can't be kept in a file in {}", folder.display())]
    File {
        vid: VolumeId,
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A volume's index, with the lock that makes extending it a single flight.
#[derive(Debug, Default)]
struct Slot {
    index: VolumeIndex,
    /// Held by whoever extends the index; inside, how the last flight failed.
    extending: tokio::sync::Mutex<Option<Failure>>,
    /// Flights that have ended.
    flights: AtomicU64,
    /// The tick of its last use.
    used: AtomicU64,
    /// Bytes of memory that it was counted with.
    weight: AtomicUsize,
}

/// A flight that did not reach the metastore: those who waited for it are told the same.
#[derive(Debug, Clone)]
struct Failure {
    flight: u64,
    error: Arc<IndexError>,
}

/// All indexes in use.
#[derive(Debug)]
pub(crate) struct VolumeIndexes {
    metastore: MetastoreClient,
    updates: Semaphore,
    slots: Mutex<HashMap<VolumeId, Arc<Slot>>>,
    weight: AtomicUsize,
    weight_max: usize,
    /// Where the indexes go that are too large for memory.
    files: Files,
    /// Counts lookups, so that the least recently used is known.
    ticks: AtomicU64,
}

impl VolumeIndexes {
    /// No indexes yet; at most `limit` of memory, what is too large for it in files in `folder`, and so many questions to the
    /// metastore at a time.
    pub(crate) fn new(metastore: MetastoreClient, limit: ByteSize, folder: PathBuf, updates_max: usize) -> Self {
        Self {
            metastore,
            updates: Semaphore::new(updates_max.max(1)),
            slots: Mutex::default(),
            weight: AtomicUsize::new(0),
            weight_max: usize::try_from(limit.as_bytes()).unwrap_or(usize::MAX),
            files: Files::new(folder),
            ticks: AtomicU64::new(0),
        }
    }

    /// Where pages are, as they were at an LSN, in ascending order; those without content are left out.
    pub(crate) async fn plan(&self, vid: VolumeId, lsn: Lsn, pages: &PageSet) -> Result<Vec<Planned>, Arc<IndexError>> {
        let slot = self.at(vid, lsn).await?;
        slot.index.plan(lsn, pages).await.map_err(|source| {
            // What can't be read is made again.
            self.forget(vid, &slot);
            Arc::new(self.file_failed(vid, source))
        })
    }

    /// The index of a volume, at least up to this LSN.
    async fn at(&self, vid: VolumeId, lsn: Lsn) -> Result<Arc<Slot>, Arc<IndexError>> {
        let slot = self.slot(vid);
        if slot.index.knows(lsn) {
            return Ok(slot);
        }
        // Also where the reader goes away in the middle.
        let forget = ForgetEmpty { volumes: self, vid, slot: &slot };
        let flights_before = slot.flights.load(Ordering::Acquire);
        let mut last_failure = slot.extending.lock().await;
        if !slot.index.knows(lsn) {
            if let Some(failure) = last_failure.as_ref().filter(|failure| failure.flight > flights_before) {
                return Err(Arc::clone(&failure.error));
            }
            let outcome = self.extend(vid, &slot, lsn).await.map_err(Arc::new);
            let flight = slot.flights.fetch_add(1, Ordering::AcqRel) + 1;
            *last_failure = match &outcome {
                Err(error) if matches!(**error, IndexError::Metastore { .. }) => {
                    Some(Failure { flight, error: Arc::clone(error) })
                }
                _ => None,
            };
            outcome?;
        }
        drop((last_failure, forget));
        Ok(slot)
    }

    /// Bytes of memory in use.
    pub(crate) fn memory_usage(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    /// Bytes of disk in use.
    pub(crate) fn disk_usage(&self) -> u64 {
        self.files.disk_usage()
    }

    fn slot(&self, vid: VolumeId) -> Arc<Slot> {
        let tick = self.ticks.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::clone(self.slots.lock().entry(vid).or_default());
        slot.used.store(tick, Ordering::Relaxed);
        slot
    }

    /// Drops an index; those who read it keep it for themselves.
    fn forget(&self, vid: VolumeId, slot: &Arc<Slot>) {
        let mut slots = self.slots.lock();
        if slots.get(&vid).is_some_and(|entered| Arc::ptr_eq(entered, slot)) {
            slots.remove(&vid);
            self.weight.fetch_sub(slot.weight.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    fn file_failed(&self, vid: VolumeId, source: io::Error) -> IndexError {
        IndexError::File { vid, folder: self.files.folder().clone(), source }
    }

    /// Reads the log from the index's head on, a long one in parts: the next is on its way while one is entered.
    async fn extend(&self, vid: VolumeId, slot: &Arc<Slot>, lsn: Lsn) -> Result<(), IndexError> {
        let _permit = self.updates.acquire().await;
        let mut told = slot.index.head().map_or(0, Lsn::get);
        let mut commits = self.read_log(vid, told, lsn).await?;
        loop {
            told = told.saturating_add(commits.len() as u64);
            if told >= lsn.get() {
                return self.enter(vid, slot, commits).await;
            }
            let (following, entered) = join(self.read_log(vid, told, lsn), self.enter(vid, slot, commits)).await;
            entered?;
            commits = following?;
        }
    }

    /// Some of the commits after one, on the way to another, which are never none. The last of them take along what there is
    /// beyond.
    async fn read_log(&self, vid: VolumeId, told: u64, lsn: Lsn) -> Result<Vec<LogCommit>, IndexError> {
        let is_last = lsn.get() - told <= PART_COMMITS.into();
        let commits_max = if is_last { 0 } else { PART_COMMITS };
        let vid_bytes = bytes::Bytes::copy_from_slice(vid.as_bytes());
        let request = ReadLogRequest { vid: vid_bytes, after_lsn: told, commits_max };
        let answer = self.metastore.read_log(&request).await;
        let ReadLogResponse { head_lsn, commits } = answer.map_err(|source| IndexError::Metastore { vid, source })?;
        if head_lsn < lsn.get() || commits.is_empty() { Err(IndexError::Missing { vid, lsn }) } else { Ok(commits) }
    }

    /// Adds commits, and moves versions to a file as often as they are too many for memory.
    async fn enter(&self, vid: VolumeId, slot: &Arc<Slot>, commits: Vec<LogCommit>) -> Result<(), IndexError> {
        let mut pieces = commits.into_iter().flat_map(pieces).peekable();
        loop {
            // At first too: an earlier call may have failed at it.
            self.relieve(vid, slot).await?;
            if pieces.peek().is_none() {
                return Ok(());
            }
            let (mut some, mut pages, mut unread) = (Vec::new(), 0, Ok(()));
            while pages < PAGES_AT_ONCE
                && let Some(piece) = pieces.next()
            {
                match piece {
                    Ok(piece) => {
                        pages += piece.pages.len();
                        some.push(piece);
                    }
                    Err((lsn, source)) => {
                        unread = Err(IndexError::Commit { vid, lsn, source });
                        break;
                    }
                }
                if some.len().is_multiple_of(PIECES_AT_ONCE) {
                    // It is the turn of others, among them the question for the next part.
                    yield_now().await;
                }
            }
            let appended = slot.index.append(&some);
            self.keep(vid, slot);
            appended.map_err(|source| IndexError::Log { vid, source }).and(unread)?;
        }
    }

    async fn relieve(&self, vid: VolumeId, slot: &Arc<Slot>) -> Result<(), IndexError> {
        let memory_max = (self.weight_max / VOLUME_PART).max(FILE_MIN);
        let relieved = slot.index.relieve(&self.files, memory_max).await;
        self.keep(vid, slot);
        relieved.map_err(|source| self.file_failed(vid, source))
    }

    /// Counts an index that has another size, and makes room where there is none.
    fn keep(&self, vid: VolumeId, slot: &Arc<Slot>) {
        let weight = SLOT_BYTES + slot.index.memory_len();
        let mut slots = self.slots.lock();
        if !slots.get(&vid).is_some_and(|entered| Arc::ptr_eq(entered, slot)) {
            // It was dropped meanwhile; those who read it keep it for themselves.
            return;
        }
        let before = slot.weight.swap(weight, Ordering::Relaxed);
        let total = self.weight.load(Ordering::Relaxed) + weight - before;
        self.weight.store(total, Ordering::Relaxed);
        if total > self.weight_max {
            self.weight.store(drop_oldest(&mut slots, vid, total, self.weight_max), Ordering::Relaxed);
        }
    }
}

/// Drops an index that is still empty when the reader is done with it, in whatever way: a volume that does not exist takes
/// no memory for having been asked for.
struct ForgetEmpty<'a> {
    volumes: &'a VolumeIndexes,
    vid: VolumeId,
    slot: &'a Arc<Slot>,
}

impl Drop for ForgetEmpty<'_> {
    fn drop(&mut self) {
        if self.slot.index.head().is_none() {
            self.volumes.forget(self.vid, self.slot);
        }
    }
}

/// Drops what was not used the longest, down to nine tenths of the limit, and says what is left. The volume that is
/// being read stays: it takes a part of the limit at most.
fn drop_oldest(slots: &mut HashMap<VolumeId, Arc<Slot>>, keep: VolumeId, mut total: usize, limit: usize) -> usize {
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
