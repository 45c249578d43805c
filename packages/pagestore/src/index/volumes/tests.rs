//! How a log is read: in parts that follow one another, whatever of them one answer holds; and that what is too large for
//! memory is in the file.

use std::{env, fs, pin::pin, sync::mpsc, time::Duration};

use async_trait::async_trait;
use catgraft_client::{Answer, Endpoint, Retry, Transport, TransportError};
use catgraft_core::{PageCount, PageIndex, PageSet, SegmentId, Timestamp};
use catgraft_proto::{catgraft::internal::v1::SegmentList, graft::common::v1::SegmentInfo};
use futures::FutureExt;
use parking_lot::Mutex;
use prost::Message;
use tokio::{runtime::Builder, task::spawn_blocking, time::timeout};

use super::*;
use crate::index::versions::LoggedCommit;

fn sid(lsn: u64) -> SegmentId {
    SegmentId::from_parts(Timestamp::from_millis(lsn), [1; 9])
}

fn vid() -> VolumeId {
    VolumeId::from_parts(Timestamp::from_millis(1), [2; 9])
}

fn page(number: u64) -> PageIndex {
    PageIndex::new(u32::try_from(number).unwrap()).unwrap()
}

/// What was asked for: after which LSN, and how many commits at most.
type Asked = Arc<Mutex<Vec<(u64, u32)>>>;

/// A metastore with one volume, whose commit L writes the page L % 97 + 1, in its first segment; further ones hold 4096 pages
/// each. An answer holds at most so many commits.
#[derive(Debug)]
struct Log {
    head: u64,
    answer_max: u64,
    segments: u32,
    /// One for every answer that may be given.
    answers: Arc<Semaphore>,
    asked: Asked,
}

#[async_trait]
impl Transport for Log {
    fn url(&self) -> &str {
        "http://metastore"
    }

    async fn post(&self, path: &'static str, body: reqwest::Body) -> Result<Answer, TransportError> {
        assert_eq!(path, "/metastore/internal/v1/read_log");
        let request = ReadLogRequest::decode(body.as_bytes().unwrap()).unwrap();
        self.asked.lock().push((request.after_lsn, request.commits_max));
        self.answers.acquire().await.unwrap().forget();
        let max = if request.commits_max == 0 { u64::MAX } else { request.commits_max.into() };
        let count = max.min(self.answer_max).min(self.head.saturating_sub(request.after_lsn));
        let commits = (1..=count).map(|number| {
            let lsn = request.after_lsn + number;
            let graft = PageSet::from_iter([page(lsn % 97 + 1)]).encode();
            let mut segments = vec![SegmentInfo { sid: bytes::Bytes::copy_from_slice(sid(lsn).as_bytes()), graft }];
            segments.extend((1..self.segments).map(full_segment));
            LogCommit { lsn, page_count: u32::MAX, segments: SegmentList { segments }.encode_to_vec().into() }
        });
        let answer = ReadLogResponse { head_lsn: self.head, commits: commits.collect() };
        let content_type = "application/x-protobuf".to_owned();
        Ok(Answer { status: 200, content_type, body: answer.encode_to_vec().into() })
    }
}

/// Indexes over such a log, and what they asked for.
fn indexes(head: u64, answer_max: u64) -> (Asked, VolumeIndexes) {
    indexes_in(env::temp_dir(), ByteSize::from_mib(64), head, answer_max)
}

/// The segment whose pages begin with 4096 times its number.
fn full_segment(number: u32) -> SegmentInfo {
    let mut pages = PageSet::new();
    pages.insert_range(page(u64::from(number) * 4096)..=page(u64::from(number) * 4096 + 4095));
    let sid = sid(1_000_000 + u64::from(number));
    SegmentInfo { sid: bytes::Bytes::copy_from_slice(sid.as_bytes()), graft: pages.encode() }
}

fn log(head: u64) -> Log {
    let answers = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
    Log { head, answer_max: u64::MAX, segments: 1, answers, asked: Asked::default() }
}

fn indexes_in(folder: PathBuf, memory: ByteSize, head: u64, answer_max: u64) -> (Asked, VolumeIndexes) {
    let log = Log { answer_max, ..log(head) };
    (Arc::clone(&log.asked), indexes_of(log, folder, memory))
}

fn indexes_of(log: Log, folder: PathBuf, memory: ByteSize) -> VolumeIndexes {
    let endpoint = Endpoint::over(Arc::new(log), Retry::default());
    VolumeIndexes::new(MetastoreClient::new(endpoint), memory, folder, 4)
}

/// The segments that hold the page that an LSN wrote.
async fn found(volumes: &VolumeIndexes, lsn: u64) -> Result<Vec<SegmentId>, Arc<IndexError>> {
    found_in(volumes, vid(), lsn).await
}

async fn found_in(volumes: &VolumeIndexes, vid: VolumeId, lsn: u64) -> Result<Vec<SegmentId>, Arc<IndexError>> {
    let pages = PageSet::from_iter([page(lsn % 97 + 1)]);
    let plan = volumes.plan(vid, Lsn::new(lsn).unwrap(), &pages).await?;
    Ok(plan.into_iter().map(|planned| planned.sid).collect())
}

/// What was dropped goes back to the file on a thread of its own.
async fn until_disk_is_at_most(volumes: &VolumeIndexes, bytes: u64) {
    let is_free = async {
        while volumes.disk_usage() > bytes {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), is_free).await.expect("what was dropped goes back");
}

/// So many volumes, all with the same log.
fn vids(count: u8) -> Vec<VolumeId> {
    (0..count).map(|number| VolumeId::from_parts(Timestamp::from_millis(1), [number; 9])).collect()
}

#[tokio::test]
async fn every_commit_of_a_long_log_is_entered_whatever_an_answer_holds() {
    for answer_max in [u64::MAX, 3000, PART_COMMITS.into(), 700, 1] {
        let head = if answer_max == 1 { 30 } else { 5000 };
        let (asked, volumes) = indexes(head, answer_max);
        let slot = volumes.at(vid(), Lsn::new(head).unwrap()).await.unwrap();
        let first = if head > PART_COMMITS.into() { answer_max.min(FIRST_PART_COMMITS.into()) } else { 0 };
        let needed = u64::from(first > 0) + (head - first).div_ceil(answer_max.min(PART_COMMITS.into()));
        assert_eq!(asked.lock().len() as u64, needed, "answers of {answer_max} commits: {:?}", asked.lock());
        assert_eq!(slot.index.head().map(Lsn::get), Some(head));
        for lsn in 1..=head {
            assert_eq!(found(&volumes, lsn).await.unwrap(), [sid(lsn)], "LSN {lsn}, answers of {answer_max} commits");
        }
    }
}

#[tokio::test]
async fn who_asks_again_goes_on_where_somebody_gave_up() {
    let log = Log { answers: Arc::new(Semaphore::new(2)), ..log(10_000) };
    let (asked, answers) = (Arc::clone(&log.asked), Arc::clone(&log.answers));
    let volumes = indexes_of(log, env::temp_dir(), ByteSize::from_mib(64));
    let head = Lsn::new(10_000).unwrap();
    let end_of_two = u64::from(FIRST_PART_COMMITS + PART_COMMITS);
    {
        // The third answer never comes.
        let mut reading = pin!(volumes.at(vid(), head));
        while volumes.slots.enter(vid()).index.head() != Lsn::new(end_of_two) {
            assert!((&mut reading).now_or_never().is_none());
            yield_now().await;
        }
    }
    let before = asked.lock().len();
    answers.add_permits(100);
    volumes.at(vid(), head).await.unwrap();
    assert_eq!(asked.lock()[before], (end_of_two, PART_COMMITS));
}

#[tokio::test]
async fn parts_are_asked_for_once_and_the_last_takes_what_there_is_beyond() {
    let (asked, volumes) = indexes(6000, u64::MAX);
    volumes.at(vid(), Lsn::new(5000).unwrap()).await.unwrap();
    volumes.at(vid(), Lsn::new(6000).unwrap()).await.unwrap();
    assert_eq!(*asked.lock(), [(0, 512), (512, 2048), (2560, 2048), (4608, 0)]);
    for (lsn, expected) in [(2048, vec![(0, 0)]), (2049, vec![(0, 512), (512, 0)])] {
        let (asked, volumes) = indexes(3000, u64::MAX);
        volumes.at(vid(), Lsn::new(lsn).unwrap()).await.unwrap();
        assert_eq!(*asked.lock(), expected, "LSN {lsn}");
    }
}

#[tokio::test]
async fn an_lsn_beyond_the_head_is_missing_and_few_are_asked() {
    let (asked, volumes) = indexes(5000, u64::MAX);
    let missing = volumes.at(vid(), Lsn::new(u64::MAX).unwrap()).await.unwrap_err();
    assert!(matches!(*missing, IndexError::Missing { .. }), "{missing:?}");
    assert_eq!(asked.lock().len(), 1);
}

/// Commits whose versions are more than the memory of [`memory`] holds.
const MANY: u64 = 250_000;

fn memory() -> ByteSize {
    ByteSize::from_mib(4)
}

#[tokio::test]
async fn a_log_of_any_length_takes_no_more_memory_than_there_is_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, volumes) = indexes_in(folder.path().to_owned(), memory(), MANY, u64::MAX);
    for lsn in [1, 2, MANY / 2, MANY - 1, MANY, 1] {
        assert_eq!(found(&volumes, lsn).await.unwrap(), [sid(lsn)], "LSN {lsn}");
        assert!(volumes.memory_usage() as u64 <= memory().as_bytes(), "{} bytes", volumes.memory_usage());
    }
    assert!(volumes.disk_usage() > memory().as_bytes(), "{} bytes", volumes.disk_usage());
    assert!(asked.lock().len() as u64 <= MANY / u64::from(PART_COMMITS) + 2, "read once: {}", asked.lock().len());
}

#[tokio::test]
async fn a_commit_of_any_size_takes_no_more_memory_than_there_is_for_all() {
    // 16 GiB of pages.
    let log = Log { segments: 1024, ..log(1) };
    let (folder, memory) = (tempfile::tempdir().unwrap(), ByteSize::from_mib(32));
    let volumes = indexes_of(log, folder.path().to_owned(), memory);
    assert_eq!(found(&volumes, 1).await.unwrap(), [sid(1)]);
    assert!(volumes.memory_usage() as u64 <= memory.as_bytes(), "{} bytes", volumes.memory_usage());
    assert!(volumes.disk_usage() > 2 * memory.as_bytes(), "{} bytes", volumes.disk_usage());
    let pages = [1, 500, 1023].map(|number| page(number * 4096 + 17));
    let plan = volumes.plan(vid(), Lsn::FIRST, &pages.into_iter().collect()).await.unwrap();
    let expected = [1, 500, 1023].map(|number| sid(1_000_000 + number));
    assert_eq!(plan.into_iter().map(|planned| planned.sid).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn an_index_whose_file_is_damaged_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_, volumes) = indexes_in(folder.path().to_owned(), memory(), MANY, u64::MAX);
    let slot = volumes.at(vid(), Lsn::new(MANY).unwrap()).await.unwrap();
    slot.index.damage();
    drop(slot);
    // The first block of the file has versions of the first page.
    let error = found(&volumes, 97).await.unwrap_err();
    assert!(
        matches!(&*error, IndexError::File { source, .. } if source.kind() == io::ErrorKind::InvalidData),
        "{error:?}"
    );
    assert_eq!(volumes.memory_usage(), 0);
    until_disk_is_at_most(&volumes, 0).await;
    assert_eq!(found(&volumes, 97).await.unwrap(), [sid(97)]);
}

#[tokio::test]
async fn where_no_file_can_be_written_what_is_known_is_read_and_the_rest_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let (_, volumes) = indexes_in(missing.clone(), memory(), MANY, u64::MAX);
    for _ in 0..2 {
        let error = found(&volumes, MANY).await.unwrap_err();
        assert!(matches!(*error, IndexError::File { .. }), "{error:?}");
        assert_eq!(found(&volumes, 1000).await.unwrap(), [sid(1000)]);
        assert!(volumes.memory_usage() as u64 <= memory().as_bytes(), "{} bytes", volumes.memory_usage());
    }
    fs::create_dir(&missing).unwrap();
    assert_eq!(found(&volumes, MANY).await.unwrap(), [sid(MANY)]);
}

#[tokio::test]
async fn volumes_that_are_all_in_use_share_the_memory_and_each_log_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, volumes) = indexes_in(folder.path().to_owned(), memory(), 20_000, 500);
    let vids = vids(32);
    // 20 bytes a version at least: 32 volumes would take three times as much as there is.
    for lsn in (500..=20_000).step_by(500) {
        for vid in &vids {
            assert_eq!(found_in(&volumes, *vid, lsn).await.unwrap(), [sid(lsn)], "LSN {lsn} of {vid}");
            assert!(volumes.memory_usage() as u64 <= memory().as_bytes(), "{} bytes", volumes.memory_usage());
        }
    }
    assert_eq!((volumes.dropped(), asked.lock().len()), (0, 40 * 32));
    assert!(volumes.disk_usage() > 2 * memory().as_bytes(), "{} bytes", volumes.disk_usage());
    for lsn in (1..=20_000).step_by(131) {
        for vid in &vids {
            assert_eq!(found_in(&volumes, *vid, lsn).await.unwrap(), [sid(lsn)], "LSN {lsn} of {vid}");
        }
    }
}

#[tokio::test]
async fn an_index_in_the_file_is_kept_although_little_of_it_is_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, volumes) = indexes_in(folder.path().to_owned(), ByteSize::from_mib(1), 20_000, 500);
    let vids = vids(24);
    for lsn in (10_000..=20_000).step_by(500) {
        for vid in &vids {
            assert_eq!(found_in(&volumes, *vid, lsn).await.unwrap(), [sid(lsn)], "LSN {lsn} of {vid}");
            assert!(volumes.memory_usage() <= 1024 * 1024, "{} bytes", volumes.memory_usage());
        }
    }
    assert_eq!((volumes.dropped(), asked.lock().len()), (0, 40 * 24));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn volumes_that_grow_at_once_make_room_for_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, volumes) = indexes_in(folder.path().to_owned(), memory(), 20_000, 500);
    let volumes = Arc::new(volumes);
    let readers = vids(32).into_iter().map(|vid| {
        let volumes = Arc::clone(&volumes);
        tokio::spawn(async move {
            for lsn in (100..=20_000).step_by(100) {
                assert_eq!(found_in(&volumes, vid, lsn).await.unwrap(), [sid(lsn)], "LSN {lsn} of {vid}");
                // Each of those that are on their way may have entered a part meanwhile.
                assert!(volumes.memory_usage() <= 5 * 1024 * 1024, "{} bytes", volumes.memory_usage());
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.unwrap();
    }
    assert_eq!((volumes.dropped(), asked.lock().len()), (0, 40 * 32));
    assert!(volumes.memory_usage() as u64 <= memory().as_bytes(), "{} bytes", volumes.memory_usage());
}

#[tokio::test]
async fn what_is_read_all_the_time_stays_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (_, volumes) = indexes_in(folder.path().to_owned(), memory(), 20_000, 2000);
    let hot = volumes.at(vid(), Lsn::new(20_000).unwrap()).await.unwrap();
    for lsn in (2000..=20_000).step_by(2000) {
        for vid in vids(32).iter().filter(|vid| **vid != self::vid()) {
            found_in(&volumes, *vid, lsn).await.unwrap();
            found(&volumes, lsn).await.unwrap();
        }
    }
    assert!(volumes.disk_usage() > memory().as_bytes(), "{} bytes", volumes.disk_usage());
    assert!(Arc::ptr_eq(&hot, &volumes.slots.enter(vid())), "it is the same index all the time");
    assert_eq!(hot.index.holding().runs, 0);
}

#[tokio::test]
async fn a_short_index_that_was_not_used_the_longest_is_dropped_and_needs_no_file() {
    // Some 40 KB each.
    let folder = tempfile::tempdir().unwrap();
    let (asked, volumes) = indexes_in(folder.path().to_owned(), ByteSize::from_mib(1), 1000, u64::MAX);
    let vids = vids(40);
    for vid in &vids {
        found_in(&volumes, *vid, 1000).await.unwrap();
        found_in(&volumes, vids[0], 1000).await.unwrap();
        assert!(volumes.memory_usage() <= 1024 * 1024, "{} bytes", volumes.memory_usage());
    }
    assert_eq!((asked.lock().len(), volumes.disk_usage()), (40, 0));
    assert!((10..30).contains(&volumes.dropped()), "{} dropped", volumes.dropped());
    for (vid, asked_again) in [(vids[0], 0), (vids[39], 0), (vids[1], 1)] {
        let before = asked.lock().len();
        found_in(&volumes, vid, 1).await.unwrap();
        assert_eq!(asked.lock().len() - before, asked_again, "{vid}");
    }
}

#[tokio::test]
async fn indexes_in_the_file_that_nobody_reads_are_dropped_at_last_and_their_disk_is_free() {
    let (folder, memory) = (tempfile::tempdir().unwrap(), ByteSize::from_bytes(128 * 1024));
    // Some 2 KB of memory each, once it is in the file.
    let (asked, volumes) = indexes_in(folder.path().to_owned(), memory, 10_000, u64::MAX);
    let vids = vids(100);
    for vid in &vids {
        found_in(&volumes, *vid, 10_000).await.unwrap();
        assert!(volumes.memory_usage() as u64 <= memory.as_bytes(), "{} bytes", volumes.memory_usage());
    }
    assert!((10..90).contains(&volumes.dropped()), "{} dropped", volumes.dropped());
    let each = 10_000 * 28;
    until_disk_is_at_most(&volumes, (100 - volumes.dropped()) * each * 5 / 4).await;
    for (vid, is_read_again) in [(vids[99], false), (vids[0], true)] {
        let before = asked.lock().len();
        found_in(&volumes, vid, 1).await.unwrap();
        assert_eq!(asked.lock().len() > before, is_read_again, "{vid}");
    }
}

#[tokio::test]
async fn where_no_file_can_be_written_others_are_dropped_to_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let (_, volumes) = indexes_in(folder.path().join("missing"), memory(), 20_000, u64::MAX);
    for vid in vids(32) {
        for lsn in [20_000, 1] {
            assert_eq!(found_in(&volumes, vid, lsn).await.unwrap(), [sid(lsn)], "LSN {lsn} of {vid}");
        }
        assert!(volumes.memory_usage() as u64 <= memory().as_bytes(), "{} bytes", volumes.memory_usage());
    }
    assert!(volumes.dropped() > 10, "{} dropped", volumes.dropped());
}

#[tokio::test]
async fn an_index_that_is_being_extended_is_passed_by() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, volumes) = indexes_in(folder.path().to_owned(), ByteSize::from_mib(1), 1000, u64::MAX);
    let vids = vids(40);
    found_in(&volumes, vids[0], 1000).await.unwrap();
    let slot = volumes.slots.enter(vids[0]);
    let held = slot.extending.lock().await;
    for vid in &vids[1..] {
        found_in(&volumes, *vid, 1000).await.unwrap();
    }
    assert!(volumes.dropped() > 0);
    drop(held);
    let before = asked.lock().len();
    found_in(&volumes, vids[0], 1000).await.unwrap();
    assert_eq!(asked.lock().len(), before);
}

#[tokio::test]
async fn the_index_that_is_read_stays_whatever_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, volumes) = indexes_in(folder.path().to_owned(), ByteSize::from_bytes(0), 1000, u64::MAX);
    for lsn in [1000, 1, 500] {
        assert_eq!(found(&volumes, lsn).await.unwrap(), [sid(lsn)]);
    }
    assert_eq!((asked.lock().len(), volumes.dropped()), (1, 0));
}

#[tokio::test]
async fn an_index_that_fits_memory_is_read_although_it_could_not_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let (_, volumes) = indexes_in(folder.path().join("missing"), ByteSize::from_mib(1), 8000, 1000);
    let vids = vids(40);
    for vid in &vids[1..] {
        found_in(&volumes, *vid, 1000).await.unwrap();
    }
    let others = volumes.slots.by_age();
    // Nobody else can make room, and the file takes nothing.
    let held: Vec<_> = others.iter().map(|(_, slot)| slot.extending.try_lock().unwrap()).collect();
    for lsn in [1000, 5000, 8000, 1] {
        assert_eq!(found_in(&volumes, vids[0], lsn).await.unwrap(), [sid(lsn)], "LSN {lsn}");
    }
    drop(held);
}

#[tokio::test]
async fn runs_that_others_made_of_an_index_are_merged_by_its_own_readers() {
    let folder = tempfile::tempdir().unwrap();
    let (_, volumes) = indexes_in(folder.path().to_owned(), ByteSize::from_mib(1), 20_000, 500);
    let slot = volumes.slots.enter(vid());
    for (lsn, runs) in [(10_000, 1), (18_000, 2)] {
        volumes.at(vid(), Lsn::new(lsn).unwrap()).await.unwrap();
        assert_eq!(volumes.memory_usage(), slot.index.holding().total());
        // Others need room.
        for other in &vids(40)[3..] {
            found_in(&volumes, *other, 1000).await.unwrap();
        }
        assert_eq!((slot.index.holding().versions < 4096, slot.index.runs()), (true, runs));
        for other in volumes.slots.by_age().iter().filter(|(other, _)| *other != vid()) {
            volumes.slots.forget(other.0, &other.1);
        }
    }
    volumes.at(vid(), Lsn::new(18_001).unwrap()).await.unwrap();
    assert_eq!(slot.index.runs(), 1);
    assert_eq!(volumes.memory_usage(), slot.index.holding().total());
    for lsn in (1..=18_001).step_by(97) {
        assert_eq!(found(&volumes, lsn).await.unwrap(), [sid(lsn)], "LSN {lsn}");
    }
}

#[tokio::test]
async fn an_index_is_counted_anew_when_it_has_moved_and_when_runs_of_it_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let (_, volumes) = indexes_in(folder.path().to_owned(), memory(), 20_000, 500);
    let slot = volumes.slots.enter(vid());
    for lsn in [10_000, 18_000] {
        volumes.at(vid(), Lsn::new(lsn).unwrap()).await.unwrap();
        volumes.move_above(vid(), &slot, 0).await.unwrap();
        assert_eq!(volumes.memory_usage(), slot.index.holding().total());
    }
    assert!(volumes.merge_two(vid(), &slot).await);
    assert_eq!(slot.index.runs(), 1);
    assert_eq!(volumes.memory_usage(), slot.index.holding().total());
}

/// Whoever waits for the file does so until this is released.
struct HeldFile {
    release: mpsc::Sender<()>,
}

impl HeldFile {
    /// Holds the one thread that may wait for the file.
    fn hold() -> Self {
        let (release, released) = mpsc::channel();
        drop(spawn_blocking(move || released.recv()));
        Self { release }
    }

    fn release(self) {
        self.release.send(()).expect("the thread waits for it");
    }
}

/// Runs a test with one thread that may wait for the file.
fn with_one_thread_for_the_file(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
    runtime.block_on(test);
}

#[test]
fn an_index_that_grows_while_others_leave_is_passed_by() {
    with_one_thread_for_the_file(async {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut volumes) = indexes_in(folder.path().to_owned(), memory(), 5000, 500);
        let [long, short, growing, own] = *vids(4).as_slice() else { panic!("four were asked for") };
        for (vid, lsn) in [(long, 5000), (growing, 500), (short, 500), (own, 500)] {
            volumes.at(vid, Lsn::new(lsn).unwrap()).await.unwrap();
        }
        volumes.weight_max = 0;
        let (own, grown) = (volumes.slots.enter(own), volumes.slots.enter(growing));
        let file = HeldFile::hold();
        {
            let mut making_room = pin!(volumes.make_room(&own));
            assert!((&mut making_room).now_or_never().is_none(), "the long one moves");
            let (lsn, segments) = (Lsn::new(501).unwrap(), vec![(sid(501), 1)]);
            let page_count = PageCount::new(u32::MAX);
            let commit = LoggedCommit { lsn, page_count, segments, pages: vec![page(1)], is_last: true };
            grown.index.append(&[commit]).unwrap();
            file.release();
            making_room.await;
        }
        let left: Vec<_> = volumes.slots.by_age().into_iter().map(|(vid, _)| vid).collect();
        assert!(left.contains(&growing) && !left.contains(&short), "{left:?}");
    });
}

#[test]
fn what_was_read_is_known_although_its_reader_goes_away_in_a_merge() {
    with_one_thread_for_the_file(async {
        let folder = tempfile::tempdir().unwrap();
        let (asked, volumes) = indexes_in(folder.path().to_owned(), memory(), 20_000, 500);
        let slot = volumes.slots.enter(vid());
        for lsn in [10_000, 18_000] {
            volumes.at(vid(), Lsn::new(lsn).unwrap()).await.unwrap();
            volumes.move_above(vid(), &slot, 0).await.unwrap();
        }
        let file = HeldFile::hold();
        let further = Lsn::new(18_500).unwrap();
        {
            let mut reading = pin!(volumes.at(vid(), further));
            for _ in 0..100 {
                assert!((&mut reading).now_or_never().is_none());
                yield_now().await;
            }
        }
        assert_eq!((slot.index.head(), slot.index.runs()), (Some(further), 2));
        file.release();
        let before = asked.lock().len();
        volumes.at(vid(), further).await.unwrap();
        assert_eq!(asked.lock().len(), before);
        volumes.at(vid(), Lsn::new(18_501).unwrap()).await.unwrap();
        assert_eq!(slot.index.runs(), 1);
    });
}
