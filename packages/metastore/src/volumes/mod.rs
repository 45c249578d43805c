//! What the metastore does with volumes: the calls in the words of the house, between the endpoints and the catalog.
//!
//! Knows nothing of HTTP or messages, except that an answer to a client has a size that it must not pass.

mod changes;
mod log;
mod orphans;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use catgraft_core::{Clock, Lsn, PageSet, PageSetUnion, SegmentId, VolumeId, limits::RESPONSE_BYTES_MAX};
use catgraft_proto::{CommitCall, PullCall, ReadLogCall, SnapshotCall};
use catgraft_service::room::{Full, Room, Share};

pub(crate) use self::changes::ChangedPages;
use self::log::Log;
use crate::{
    catalog::{self, Catalog, CommitOutcome, CommitRow, CommitsPage, CommitsWanted, SegmentRow, Snapshot},
    commit,
    heads::{Heads, Moment, follow::Announcer},
    metrics::Counts,
    orphans as orphans_of_catalog,
};

/// Most bytes that a commit takes in an answer besides its segments: two ids, four numbers, a timestamp and their
/// headers.
const COMMIT_BYTES_MAX: usize = 128;

/// Commits that a pull of changes reads one by one, before it takes the way that pays for many.
const CHANGES_COMMITS_MAX: u32 = 64;

/// Volumes, as the endpoints see them.
pub(crate) struct Volumes {
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Set once the schema of the catalog was checked.
    pub(crate) open: AtomicBool,
    pub(crate) heads: Arc<Heads>,
    /// What changed in the commits that clients pull again and again.
    pub(crate) changed: Arc<ChangedPages>,
    /// None where nobody else works on the catalog.
    pub(crate) announcer: Option<Arc<Announcer>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Bounds how many logs are read at a time, and so the memory that they take.
    pub(crate) log_reads: Room,
    /// Bounds the same for the removal of orphans, so that it takes nobody's room.
    pub(crate) orphan_calls: Room,
    /// Bounds the commits that are worked on, also those whose clients went away.
    pub(crate) commits: Room,
    pub(crate) counts: Counts,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such volume.
    #[error("volume {vid} does not exist")]
    NoVolume { vid: VolumeId },
    /// The volume has no such commit.
    #[error("volume {vid} has no LSN {lsn}")]
    NoLsn { vid: VolumeId, lsn: Lsn },
    /// The range begins after the head.
    #[error("volume {vid} has nothing at or after LSN {start}")]
    NothingNewer { vid: VolumeId, start: Lsn },
    /// The commit lost the race.
    #[error("volume {vid} is not at the snapshot that this commit was made on")]
    Rejected { vid: VolumeId, head: Option<Lsn> },
    /// The commit may never land.
    #[error("the commit to volume {vid} is refused")]
    CommitInvalid { vid: VolumeId, source: commit::Invalid },
    /// The answer would be larger than a client reads.
    #[error("the commits {start} to {end} of volume {vid} do not fit one answer")]
    AnswerTooLarge { vid: VolumeId, start: Lsn, end: Lsn, fits: Option<Lsn> },
    /// The log has a hole, which must not be.
    #[error("the log of volume {vid} has no LSN {lsn}")]
    LogBroken { vid: VolumeId, lsn: Lsn },
    /// A commit's row is damaged.
    #[error("commit {lsn} of volume {vid} is damaged")]
    CommitDamaged { vid: VolumeId, lsn: Lsn, source: catalog::BlobError },
    /// The catalog was not reached since the start, so its schema is not known.
    #[error("the catalog was not reached yet")]
    NotOpen,
    /// There is more to do than is let in at a time.
    #[error("the catalog is busy with others")]
    Busy(#[from] Full),
    /// The program ends.
    #[error("the metastore is stopping")]
    Stopping,
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
}

impl From<orphans_of_catalog::Error> for Error {
    fn from(error: orphans_of_catalog::Error) -> Self {
        use orphans_of_catalog::Error as E;
        match error {
            E::Catalog(error) => Self::Catalog(error),
            E::LogBroken { vid, lsn } => Self::LogBroken { vid, lsn },
            E::CommitDamaged { vid, lsn, source } => Self::CommitDamaged { vid, lsn, source },
        }
    }
}

/// What changed in a range.
pub(crate) struct Changes {
    /// The volume at the end of the range.
    pub(crate) snapshot: Snapshot,
    /// First LSN of the range.
    pub(crate) start: Lsn,
    /// The pages.
    pub(crate) pages: PageSet,
}

/// The commits of a range.
pub(crate) struct Commits {
    /// Oldest LSN whose history is kept.
    pub(crate) checkpoint: Lsn,
    /// The commits, oldest first.
    pub(crate) commits: Vec<CommitRow>,
}

impl Volumes {
    /// A volume at an LSN or at its head.
    pub(crate) async fn snapshot(&self, call: SnapshotCall) -> Result<Snapshot, Error> {
        let SnapshotCall { vid, lsn } = call;
        let catalog = self.catalog()?;
        match lsn {
            Some(lsn) => catalog.snapshot_at(vid, lsn).await?.ok_or(Error::NoLsn { vid, lsn }),
            None => {
                let moment = self.heads.moment();
                let snapshot = catalog.snapshot_latest(vid).await?.ok_or(Error::NoVolume { vid })?;
                self.heads.observe(moment, vid, snapshot.lsn);
                Ok(snapshot)
            }
        }
    }

    /// The pages that changed in a range. Asked once a second by every idle client for what comes after its head: that
    /// is answered without the catalog.
    pub(crate) async fn changes(&self, call: PullCall) -> Result<Changes, Error> {
        let vid = call.vid;
        if let Some(start) = call.range.map(|range| range.start())
            && self.heads.newest(&vid).is_some_and(|head| start > head)
        {
            self.counts.polls_from_memory.inc();
            return Err(Error::NothingNewer { vid, start });
        }
        let _room = self.log_reads.take(1).await?;
        let mut log = self.open_log(call, CHANGES_COMMITS_MAX, CommitsWanted::BYTES_MAX).await?;
        let (mut pages, mut last) = (PageSetUnion::default(), None);
        for commit in log.next_page().await?.unwrap_or_default() {
            let damaged = |source| Error::CommitDamaged { vid, lsn: commit.lsn, source };
            commit.segments.add_pages_to(&mut pages).map_err(damaged)?;
            last = Some(commit.snapshot(vid, log.head.checkpoint));
        }
        let (start, end) = (log.start, log.end);
        let pages = if log.next > end {
            pages.finish()
        } else {
            // From the start again: a block that begins there is known more often than its rest is.
            let catalog = self.catalog()?;
            last = catalog.snapshot_at(vid, end).await?;
            self.changed.read(catalog, vid, start..=end).await?
        };
        let snapshot = last.ok_or(Error::LogBroken { vid, lsn: end })?;
        Ok(Changes { snapshot, start, pages })
    }

    /// The commits of a range, where they fit one answer.
    pub(crate) async fn commits(&self, call: PullCall) -> Result<Commits, Error> {
        let vid = call.vid;
        let _room = self.log_reads.take(1).await?;
        let mut log = self.open_log(call, CommitsWanted::COMMITS_MAX, RESPONSE_BYTES_MAX as u64).await?;
        let mut commits: Vec<CommitRow> = Vec::new();
        let mut bytes = 0;
        while let Some(page) = log.next_page().await? {
            for commit in page {
                bytes += commit.segments.byte_len() + COMMIT_BYTES_MAX;
                if bytes > RESPONSE_BYTES_MAX {
                    let fits = commits.last().map(|commit| commit.lsn);
                    return Err(Error::AnswerTooLarge { vid, start: log.start, end: log.end, fits });
                }
                commits.push(commit);
            }
        }
        Ok(Commits { checkpoint: log.head.checkpoint, commits })
    }

    /// The commits after an LSN, as many as fit one page; none where there is no such volume.
    pub(crate) async fn log_after(&self, call: ReadLogCall) -> Result<Option<CommitsPage>, Error> {
        let ReadLogCall { vid, after, commits_max } = call;
        let catalog = self.catalog()?;
        // Nothing comes after the last number, so its next is itself and finds nothing.
        let start = after.map(|lsn| lsn.next().unwrap_or(lsn));
        let moment = self.heads.moment();
        let _room = self.log_reads.take(1).await?;
        let mut wanted = CommitsWanted::range(start, None);
        wanted.commits_max = commits_max.map_or(wanted.commits_max, |max| wanted.commits_max.min(max.get()));
        let page = catalog.commits_read(vid, wanted).await?;
        if let Some(page) = &page {
            self.heads.observe(moment, vid, page.head.lsn);
        }
        Ok(page)
    }

    /// Commits, and tells the other metastores. Goes on to the end although its client may go away in the middle: a
    /// commit that landed and that nobody here knows of would leave the head in memory behind. `share` is the room of
    /// the request, which goes as far.
    pub(crate) async fn commit(self: &Arc<Self>, call: CommitCall, share: Share) -> Result<Snapshot, Error> {
        let room = self.commits.take(1).await?;
        let volumes = Arc::clone(self);
        let commit = tokio::spawn(async move {
            let outcome = volumes.commit_to_the_end(call).await;
            drop((room, share));
            outcome
        });
        match commit.await {
            Ok(outcome) => outcome,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(_) => Err(Error::Stopping),
        }
    }

    async fn commit_to_the_end(&self, call: CommitCall) -> Result<Snapshot, Error> {
        let vid = call.vid;
        let catalog = self.catalog()?;
        let moment = self.heads.moment();
        match catalog.commit_append(call, self.clock.now()).await? {
            CommitOutcome::Committed(snapshot) => {
                self.learn(moment, vid, snapshot.lsn);
                Ok(snapshot)
            }
            CommitOutcome::AlreadyCommitted(snapshot) => {
                // A retry, because the first answer was lost, and perhaps more than the answer. The head may be further on.
                let head = catalog.snapshot_latest(vid).await?.ok_or(Error::NoVolume { vid })?;
                self.learn(moment, vid, head.lsn);
                Ok(snapshot)
            }
            CommitOutcome::Rejected { head } => Err(Error::Rejected { vid, head }),
            CommitOutcome::Invalid(source) => Err(Error::CommitInvalid { vid, source }),
        }
    }

    /// Remembers a head, and tells it to the other metastores.
    fn learn(&self, moment: Option<Moment>, vid: VolumeId, head: Lsn) {
        self.heads.observe(moment, vid, head);
        if let Some(announcer) = &self.announcer {
            announcer.add(vid, head);
        }
    }

    /// Writes the rows of segments whose upload has begun.
    pub(crate) async fn register(&self, rows: Vec<SegmentRow>) -> Result<(), Error> {
        Ok(self.catalog()?.segments_register(rows, self.clock.now()).await?)
    }

    /// The rows of segments.
    pub(crate) async fn segments(&self, sids: &[SegmentId]) -> Result<Vec<SegmentRow>, Error> {
        Ok(self.catalog()?.segments_read(sids).await?)
    }

    /// Announces what was not announced yet and lets go of the catalog, after the last call.
    pub(crate) async fn close(&self) {
        let left = self.announcer.as_ref().map(|announcer| announcer.take()).unwrap_or_default();
        if !left.is_empty()
            && let Err(error) = self.catalog.heads_announce(&left).await
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "the last commits were not announced");
        }
        self.catalog.close().await;
    }

    fn catalog(&self) -> Result<&dyn Catalog, Error> {
        if self.open.load(Ordering::Acquire) { Ok(self.catalog.as_ref()) } else { Err(Error::NotOpen) }
    }

    async fn open_log(&self, call: PullCall, commits_max: u32, bytes_max: u64) -> Result<Log<'_>, Error> {
        let moment = self.heads.moment();
        let (head, log) = Log::open(self.catalog()?, call, commits_max, bytes_max).await?;
        self.heads.observe(moment, call.vid, head.lsn);
        log
    }
}
