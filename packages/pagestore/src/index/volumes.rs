//! The volume indexes in use: found, extended once however many readers wait, and kept within the memory there is.
//!
//! Where they take more than that, some leave it as [`room`] decides.

#[cfg(test)]
mod tests;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use catgraft_client::MetastoreClient;
use catgraft_core::{ByteSize, Lsn, PageSet, VolumeId, limits::SEGMENT_PAGES_MAX};
use catgraft_proto::catgraft::internal::v1::{LogCommit, ReadLogRequest, ReadLogResponse};
use futures::future::join;
use tokio::{
    sync::{Mutex, Semaphore},
    task::yield_now,
};
use tracing::warn;

use super::{
    file::IndexFile,
    logged::{CommitError, SEGMENTS_AT_ONCE, pieces},
    room::{self, RUN_MIN, Step},
    slots::{Slot, Slots},
    versions::LogError,
    volume::Planned,
};

/// Commits of a part of a long log: enough that a call is little of the work, and a log of 10,000 commits has several.
const PART_COMMITS: u32 = 2048;
/// Commits of the first part. The first commit of a volume is often by far its largest, and Postgres reads a page of a log faster
/// where no list of it takes more than its share of the bytes; so few commits leave each one much.
const FIRST_PART_COMMITS: u32 = 512;
/// The part of the memory that the versions of one volume may take, before they move to the file.
const VOLUME_PART: usize = 2;
/// The part of the memory that is made free at a time: little, because readers wait for it.
const ROOM_PART: usize = 32;
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

/// A flight that did not reach the metastore: those who waited for it are told the same.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    flight: u64,
    error: Arc<IndexError>,
}

/// All indexes in use.
#[derive(Debug)]
pub(crate) struct VolumeIndexes {
    metastore: MetastoreClient,
    updates: Semaphore,
    slots: Slots,
    weight_max: usize,
    /// Where versions go that are too many for memory.
    file: IndexFile,
    /// Held by whoever makes room: one at a time, and the others wait, so that the indexes do not grow meanwhile.
    making_room: Mutex<()>,
    /// Indexes that were dropped for want of memory.
    dropped: AtomicU64,
}

impl VolumeIndexes {
    /// No indexes yet; at most `limit` of memory, what is too large for it in a file in `folder`, and so many questions to the
    /// metastore at a time.
    pub(crate) fn new(metastore: MetastoreClient, limit: ByteSize, folder: PathBuf, updates_max: usize) -> Self {
        Self {
            metastore,
            updates: Semaphore::new(updates_max.max(1)),
            slots: Slots::default(),
            weight_max: usize::try_from(limit.as_bytes()).unwrap_or(usize::MAX),
            file: IndexFile::new(folder),
            making_room: Mutex::default(),
            dropped: AtomicU64::default(),
        }
    }

    /// Where pages are, as they were at an LSN, in ascending order; those without content are left out.
    pub(crate) async fn plan(&self, vid: VolumeId, lsn: Lsn, pages: &PageSet) -> Result<Vec<Planned>, Arc<IndexError>> {
        let slot = self.at(vid, lsn).await?;
        slot.index.plan(lsn, pages).await.map_err(|source| {
            // What can't be read is made again.
            self.slots.forget(vid, &slot);
            Arc::new(self.file_failed(vid, source))
        })
    }

    /// The index of a volume, at least up to this LSN.
    async fn at(&self, vid: VolumeId, lsn: Lsn) -> Result<Arc<Slot>, Arc<IndexError>> {
        let slot = self.slots.enter(vid);
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
        self.slots.weight()
    }

    /// Bytes of disk in use.
    pub(crate) fn disk_usage(&self) -> u64 {
        self.file.disk_usage()
    }

    /// Indexes that were dropped for want of memory.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn file_failed(&self, vid: VolumeId, source: io::Error) -> IndexError {
        IndexError::File { vid, folder: self.file.folder().clone(), source }
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
            let entering = async {
                // The question for the next part goes out first: entering a large commit leaves nobody his turn for some time.
                yield_now().await;
                self.enter(vid, slot, commits).await
            };
            let (following, entered) = join(self.read_log(vid, told, lsn), entering).await;
            entered?;
            commits = following?;
        }
    }

    /// Some of the commits after one, on the way to another, which are never none. The last of them take along what there is
    /// beyond.
    async fn read_log(&self, vid: VolumeId, told: u64, lsn: Lsn) -> Result<Vec<LogCommit>, IndexError> {
        let is_last = lsn.get() - told <= PART_COMMITS.into();
        let commits_max = match told {
            _ if is_last => 0,
            0 => FIRST_PART_COMMITS,
            _ => PART_COMMITS,
        };
        let vid_bytes = bytes::Bytes::copy_from_slice(vid.as_bytes());
        let request = ReadLogRequest { vid: vid_bytes, after_lsn: told, commits_max };
        let answer = self.metastore.read_log(&request).await;
        let ReadLogResponse { head_lsn, commits } = answer.map_err(|source| IndexError::Metastore { vid, source })?;
        if head_lsn < lsn.get() || commits.is_empty() { Err(IndexError::Missing { vid, lsn }) } else { Ok(commits) }
    }

    /// Adds commits, and moves versions to the file as often as they are too many for memory. Merges the runs of the index, also
    /// those that others made of it when they needed room: so its own readers wait for that, and not all whose index grows. What
    /// was added is known before, whoever goes away.
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
            self.slots.weigh(vid, slot);
            self.make_room(slot).await;
            appended.map_err(|source| IndexError::Log { vid, source }).and(unread)?;
            while self.merge_two(vid, slot).await {}
        }
    }

    /// Moves the versions of an index to the file where they are more than one volume may have in memory.
    async fn relieve(&self, vid: VolumeId, slot: &Arc<Slot>) -> Result<(), IndexError> {
        let memory_max = (self.weight_max / VOLUME_PART).max(RUN_MIN);
        match self.move_above(vid, slot, memory_max).await {
            Err(source) if slot.index.holding().versions > memory_max => Err(self.file_failed(vid, source)),
            // What failed is a move that others needed. It fits memory, so it can wait.
            _ => Ok(()),
        }
    }

    /// Where the indexes take more memory than there is, brings them a little below it. The caller holds the lock of its own,
    /// which stays; one that somebody else holds is passed by, since its holder comes here, too.
    async fn make_room(&self, own: &Arc<Slot>) {
        if self.memory_usage() <= self.weight_max {
            return;
        }
        let _turn = self.making_room.lock().await;
        if self.memory_usage() <= self.weight_max {
            return;
        }
        let by_age = self.slots.by_age();
        let holdings: Vec<_> = by_age.iter().map(|(_, slot)| slot.index.holding()).collect();
        for (number, step) in room::steps(&holdings, self.weight_max) {
            if self.memory_usage() <= self.weight_max - self.weight_max / ROOM_PART {
                break;
            }
            let (vid, slot) = &by_age[number];
            let is_own = Arc::ptr_eq(slot, own);
            let lock = slot.extending.try_lock();
            // One that grew since is in use, and the step was not decided for it.
            if lock.is_err() && !is_own || slot.index.holding() != holdings[number] {
                continue;
            }
            let has_moved = step == Step::Move && self.move_above(*vid, slot, 0).await.is_ok();
            if !has_moved && !is_own && self.slots.forget(*vid, slot) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Moves the versions of an index to the file where they are more than so many bytes, counts it anew, and logs where it fails.
    async fn move_above(&self, vid: VolumeId, slot: &Arc<Slot>, memory_max: usize) -> io::Result<()> {
        let moved = slot.index.move_above(&self.file, memory_max).await.inspect_err(|source| {
            let folder = self.file.folder().display();
            warn!(%vid, error = %source, %folder, "the index of a volume can't leave memory for a file");
        });
        self.slots.weigh(vid, slot);
        moved
    }

    /// Merges two runs of an index, counts it anew, and logs where it fails. False where there is nothing left to merge.
    async fn merge_two(&self, vid: VolumeId, slot: &Arc<Slot>) -> bool {
        let merged = slot.index.merge_two(&self.file).await.inspect_err(|source| {
            let folder = self.file.folder().display();
            warn!(%vid, error = %source, %folder, "the parts of a volume's index in a file can't be merged");
        });
        self.slots.weigh(vid, slot);
        merged.unwrap_or(false)
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
            self.volumes.slots.forget(self.vid, self.slot);
        }
    }
}
