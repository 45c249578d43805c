//! Volumes: a writer that pushes one commit after another, and volumes that are made with a history.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use catgraft_core::{ClientId, Clock as _, IdSource as _, PAGE_SIZE, RandomIds, SystemClock, VolumeId};
use catgraft_proto::graft::{
    common::v1::SegmentInfo,
    metastore::v1::CommitResponse,
    pagestore::v1::{ReadPagesResponse, WritePagesResponse},
};
use futures::{StreamExt as _, stream};
use parking_lot::Mutex;

use crate::{
    Error, Failure, Schedule, Servers,
    http::{Call, Connection},
    load::Lap,
    messages::{self, COMMIT, READ_PAGES, WRITE_PAGES},
};

/// Pages of one request when a volume is made, 16 MiB of them.
const WRITE_PAGES_MAX: u32 = 4096;
/// Requests of up to so many pages are encoded before they are timed; longer ones while they are sent.
const ENCODED_PAGES_MAX: usize = 2048;
/// Pages that are encoded at a time while a request is sent.
const PIECE_PAGES: usize = 64;
/// Requests that are under way at a time when a volume is made.
const WRITERS: usize = 16;

/// How closely answers are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// Status and length of each; one in so many is compared byte for byte.
    OneIn(u64),
    /// Only the status, for a server that answers constants.
    Off,
}

impl Checks {
    /// Is the answer with this number compared byte for byte?
    pub(crate) fn whole(self, number: u64) -> bool {
        matches!(self, Self::OneIn(one_in) if number.is_multiple_of(one_in.max(1)))
    }
}

/// What a volume is made of: the first commit writes every page, the others what the schedule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Which pages each commit writes.
    pub schedule: Schedule,
    /// Commits of the volume, at least 1.
    pub commits: u64,
    /// Commits whose pages go out in one request, and so are in one segment. 1 is what clients do.
    pub commits_per_write: u64,
}

/// One request that a history needs: some pages of the first commit, or all pages of some later ones.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Write {
    /// First LSN whose pages it carries.
    first: u64,
    /// Last LSN whose pages it carries.
    last: u64,
    /// Pages, and the commit that each belongs to.
    pages: Vec<(u32, u64)>,
}

impl History {
    /// The requests in the order of the commits.
    fn writes(self) -> impl Iterator<Item = Write> {
        let schedule = self.schedule;
        let pages = schedule.pages();
        let first = (1..=pages).step_by(WRITE_PAGES_MAX as usize).map(move |from| {
            let to = pages.min(from + WRITE_PAGES_MAX - 1);
            Write { first: 1, last: 1, pages: (from..=to).map(|page| (page, 1)).collect() }
        });
        let fitting = u64::from((WRITE_PAGES_MAX / schedule.pages_per_commit()).max(1));
        let mut next = 2;
        let later = std::iter::from_fn(move || {
            let left = (self.commits + 1).checked_sub(next).filter(|left| *left > 0)?;
            let wanted = self.commits_per_write.clamp(1, fitting);
            let count = wanted.min(left).min(schedule.commits_without_overlap(next));
            let (first, last) = (next, next + count - 1);
            next += count;
            let pages = (first..=last).flat_map(|lsn| schedule.commit(lsn).into_iter().map(move |page| (page, lsn)));
            Some(Write { first, last, pages: pages.collect() })
        });
        first.chain(later)
    }
}

/// A new volume id.
pub(crate) fn new_volume_id() -> VolumeId {
    RandomIds.volume_id(SystemClock.now())
}

/// Asks a pagestore: writes pages and reads them back.
pub(crate) struct PageWriter {
    connection: Connection,
    write: Call,
    read: Call,
    request: Vec<u8>,
    schedule: Schedule,
    vid: VolumeId,
}

impl PageWriter {
    pub(crate) async fn open(servers: &Servers, schedule: Schedule, vid: VolumeId) -> Result<Self, Failure> {
        Ok(Self {
            connection: Connection::open(&servers.pagestore).await?,
            write: servers.pagestore.call(WRITE_PAGES),
            read: servers.pagestore.call(READ_PAGES),
            request: Vec::new(),
            schedule,
            vid,
        })
    }

    /// Writes pages, each as the commit that it belongs to has it. Answers the segments, and when the request began to go
    /// out.
    async fn write(&mut self, pages: &[(u32, u64)]) -> Result<(Vec<SegmentInfo>, Instant), Failure> {
        let Self { write: call, request, schedule, vid, .. } = self;
        call.begin(request, messages::write_body_len(pages.iter().map(|(page, _)| *page)));
        messages::put_vid(request, *vid);
        let begun = if pages.len() <= ENCODED_PAGES_MAX {
            put_pages(request, *schedule, pages);
            let begun = Instant::now();
            self.connection.send(&self.request).await?;
            begun
        } else {
            let begun = Instant::now();
            for piece in pages.chunks(PIECE_PAGES) {
                put_pages(&mut self.request, self.schedule, piece);
                self.connection.send(&self.request).await?;
                self.request.clear();
            }
            begun
        };
        let answer = self.connection.answer().await?;
        messages::expect_status(&self.write, &answer, 200)?;
        let answer: WritePagesResponse = messages::decode(&self.write, &answer)?;
        Ok((answer.segments, begun))
    }

    /// Reads pages at an LSN, and compares each with what the schedule says.
    pub(crate) async fn check(&mut self, lsn: u64, pages: &[u32]) -> Result<(), Failure> {
        messages::read_request(&self.read, &mut self.request, self.vid, lsn, pages);
        let answer = self.connection.ask(&self.request).await?;
        messages::expect_status(&self.read, &answer, 200)?;
        let answer: ReadPagesResponse = messages::decode(&self.read, &answer)?;
        check_pages(&self.read, self.schedule, lsn, pages, &answer)
    }
}

fn put_pages(request: &mut Vec<u8>, schedule: Schedule, pages: &[(u32, u64)]) {
    for (page, version) in pages {
        messages::put_page(request, *page, |data| schedule.fill(*page, *version, data));
    }
}

/// Are these the pages as they were at this LSN?
pub(crate) fn check_pages(
    call: &Call,
    schedule: Schedule,
    lsn: u64,
    pages: &[u32],
    answer: &ReadPagesResponse,
) -> Result<(), Failure> {
    if answer.pages.len() != pages.len() {
        return Err(Failure::answer(call.path(), format!("{} pages came, not {}", answer.pages.len(), pages.len())));
    }
    for page in pages {
        let version = schedule.version(*page, lsn);
        let found = answer.pages.iter().find(|found| found.pageidx == *page);
        if !found.is_some_and(|found| schedule.is_page(*page, version, &found.data)) {
            let what = format!("page {page} at LSN {lsn} is not as commit {version} wrote it");
            return Err(Failure::answer(call.path(), what));
        }
    }
    Ok(())
}

/// A volume that grows by one commit after another, on two connections.
pub(crate) struct Pusher {
    pages: PageWriter,
    metastore: Connection,
    commit: Call,
    request: Vec<u8>,
    cid: ClientId,
    lsn: u64,
    checks: Checks,
}

impl Pusher {
    /// A new volume without commits.
    pub(crate) async fn open(servers: &Servers, schedule: Schedule, checks: Checks) -> Result<Self, Failure> {
        Ok(Self {
            pages: PageWriter::open(servers, schedule, new_volume_id()).await?,
            metastore: Connection::open(&servers.metastore).await?,
            commit: servers.metastore.call(COMMIT),
            request: Vec::new(),
            cid: ClientId::derive("catgraft bench"),
            lsn: 0,
            checks,
        })
    }

    /// The volume.
    pub(crate) fn vid(&self) -> VolumeId {
        self.pages.vid
    }

    /// Its newest commit; 0 where there is none.
    pub(crate) fn lsn(&self) -> u64 {
        self.lsn
    }

    /// Goes on with a new volume, as after a failure, which may have left a commit behind or not.
    pub(crate) fn begin_anew(&mut self) {
        self.pages.vid = new_volume_id();
        self.lsn = 0;
    }

    /// Pushes the next commit: writes its pages, and commits them. The parts of it that are timed are the write, the commit,
    /// and both together.
    pub(crate) async fn push(&mut self, lap: &mut Lap) -> Result<(), Failure> {
        let lsn = self.lsn + 1;
        let pages: Vec<(u32, u64)> = self.pages.schedule.commit(lsn).into_iter().map(|page| (page, lsn)).collect();
        let (segments, begun) = self.pages.write(&pages).await?;
        let written = Instant::now();
        self.commit(segments).await?;
        lap.took(0, written - begun);
        lap.took(1, written.elapsed());
        lap.took(2, begun.elapsed());
        lap.carried(pages.len() * PAGE_SIZE);
        Ok(())
    }

    /// Makes the volume's whole history, one request after the other.
    pub(crate) async fn make(&mut self, history: History) -> Result<(), Failure> {
        let mut first = Vec::new();
        for write in history.writes() {
            let (segments, _) = self.pages.write(&write.pages).await?;
            self.commit_write(history, &write, segments, &mut first).await?;
        }
        self.end_first(&mut first).await
    }

    /// Reads pages of the newest commit, and compares them with what was pushed.
    pub(crate) async fn check(&mut self, pages: &[u32]) -> Result<(), Failure> {
        self.pages.check(self.lsn, pages).await
    }

    /// Commits what one request of a history wrote. The segments of the first commit are gathered in `first` until it is whole.
    async fn commit_write(
        &mut self,
        history: History,
        write: &Write,
        segments: Vec<SegmentInfo>,
        first: &mut Vec<SegmentInfo>,
    ) -> Result<(), Failure> {
        if write.first == 1 {
            first.extend(segments);
            return Ok(());
        }
        self.end_first(first).await?;
        if write.first == write.last {
            return self.commit(segments).await;
        }
        for lsn in write.first..=write.last {
            let part = part_of(&segments, &history.schedule.commit(lsn))
                .map_err(|why| Failure::answer(self.pages.write.path(), why))?;
            self.commit(part).await?;
        }
        Ok(())
    }

    /// Commits the first commit, if it has not been.
    async fn end_first(&mut self, first: &mut Vec<SegmentInfo>) -> Result<(), Failure> {
        if first.is_empty() { Ok(()) } else { self.commit(std::mem::take(first)).await }
    }

    async fn commit(&mut self, segments: Vec<SegmentInfo>) -> Result<(), Failure> {
        let page_count = self.pages.schedule.pages();
        let ids = (self.pages.vid, self.cid);
        messages::commit_request(&self.commit, &mut self.request, ids, self.lsn, page_count, segments);
        let answer = self.metastore.ask(&self.request).await?;
        messages::expect_status(&self.commit, &answer, 200)?;
        let answer: CommitResponse = messages::decode(&self.commit, &answer)?;
        let lsn = answer.snapshot.unwrap_or_default().lsn;
        if lsn != self.lsn + 1 && self.checks != Checks::Off {
            let what = format!("the commit on LSN {} got LSN {lsn}", self.lsn);
            return Err(Failure::answer(self.commit.path(), what));
        }
        self.lsn += 1;
        Ok(())
    }
}

/// What segments hold of these pages.
fn part_of(segments: &[SegmentInfo], pages: &[u32]) -> Result<Vec<SegmentInfo>, String> {
    let pages = messages::page_set(pages);
    let mut part = Vec::new();
    for SegmentInfo { sid, graft } in segments {
        let held = catgraft_core::PageSet::decode(graft, u64::MAX).map_err(|error| error.to_string())?;
        let held = held.intersection(&pages);
        if !held.is_empty() {
            part.push(SegmentInfo { sid: sid.clone(), graft: held.encode() });
        }
    }
    Ok(part)
}

/// Makes a volume with a history, as fast as one volume can be: pages are written ahead on many connections, while
/// the commits follow one another.
pub(crate) async fn make(servers: &Servers, history: History) -> Result<VolumeId, Error> {
    if history.commits == 0 {
        return Err(Error::Setting("a volume of 0 commits: a volume has at least 1".to_owned()));
    }
    let mut pusher = Pusher::open(servers, history.schedule, Checks::OneIn(1)).await?;
    let vid = pusher.vid();
    // Each in its turn: a server closes a connection that is idle for long.
    let idle: Arc<Mutex<VecDeque<PageWriter>>> = Arc::default();
    for _ in 0..WRITERS {
        let writer = PageWriter::open(servers, history.schedule, vid).await?;
        idle.lock().push_back(writer);
    }
    let written = stream::iter(history.writes()).map(|write| {
        let idle = Arc::clone(&idle);
        tokio::spawn(async move {
            let mut writer = idle.lock().pop_front().expect("there are as many writers as requests under way");
            let segments = writer.write(&write.pages).await.map(|(segments, _)| segments);
            idle.lock().push_back(writer);
            segments.map(|segments| (write, segments))
        })
    });
    let mut written = written.buffered(WRITERS);
    let mut first = Vec::new();
    while let Some(write) = written.next().await {
        let (write, segments) = write.expect("a writer does not panic")?;
        pusher.commit_write(history, &write, segments, &mut first).await?;
    }
    pusher.end_first(&mut first).await?;
    Ok(vid)
}
