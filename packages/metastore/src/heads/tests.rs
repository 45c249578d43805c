//! The heads in memory: what is remembered, for how long, and when nothing is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use catgraft_core::{Lsn, SegmentId, Timestamp, VolumeId};
use catgraft_proto::CommitCall;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{
    Heads,
    follow::{Announcer, Pace, run},
};
use crate::catalog::{
    Catalog, CommitOutcome, CommitsPage, CommitsWanted, Error, Holding, News, SegmentChange, SegmentRow, SegmentState,
    Snapshot, VolumeStats,
};

fn vid(number: u64) -> VolumeId {
    let mut random = [0; 9];
    random[..8].copy_from_slice(&number.to_le_bytes());
    random[8] = number as u8;
    VolumeId::from_parts(Timestamp::from_millis(1), random)
}

fn lsn(number: u64) -> Lsn {
    Lsn::new(number).unwrap()
}

#[test]
fn nothing_is_known_before_it_is_trusted() {
    let heads = Heads::new(1000);
    heads.observe(heads.moment(), vid(1), lsn(3));
    assert_eq!((heads.moment(), heads.newest(&vid(1))), (None, None));
    heads.trust();
    assert_eq!(heads.newest(&vid(1)), None);
    heads.observe(heads.moment(), vid(1), lsn(3));
    assert_eq!(heads.newest(&vid(1)), Some(lsn(3)));
}

#[test]
fn a_head_only_moves_on() {
    let heads = Heads::new(1000);
    heads.trust();
    for number in [3, 5, 4] {
        heads.observe(heads.moment(), vid(1), lsn(number));
    }
    assert_eq!(heads.newest(&vid(1)), Some(lsn(5)));
}

#[test]
fn what_was_read_before_the_announcements_broke_off_is_not_remembered_after() {
    let heads = Heads::new(1000);
    heads.trust();
    let before = heads.moment();
    heads.observe(before, vid(1), lsn(1));
    heads.distrust();
    assert_eq!(heads.newest(&vid(1)), None);
    heads.trust();
    heads.observe(before, vid(1), lsn(1));
    assert_eq!(heads.newest(&vid(1)), None, "LSN 2 may have been announced meanwhile");
    heads.observe(heads.moment(), vid(1), lsn(2));
    assert_eq!(heads.newest(&vid(1)), Some(lsn(2)));
}

#[test]
fn memory_is_bounded_and_what_is_polled_is_kept() {
    let heads = Heads::new(6400);
    heads.trust();
    heads.observe(heads.moment(), vid(0), lsn(7));
    for number in 1..100_000 {
        heads.observe(heads.moment(), vid(number), lsn(1));
        if number % 1000 == 0 {
            assert_eq!(heads.newest(&vid(0)), Some(lsn(7)));
        }
    }
    assert!(heads.len() <= 6400, "{} heads", heads.len());
    assert!(heads.len() >= 3200, "{} heads", heads.len());
    assert_eq!(heads.newest(&vid(1)), None);
}

#[test]
fn only_what_was_polled_since_the_last_time_is_compared() {
    let heads = Heads::new(1000);
    heads.trust();
    heads.observe(heads.moment(), vid(1), lsn(1));
    heads.observe(heads.moment(), vid(2), lsn(1));
    assert_eq!(heads.take_polled(), []);
    heads.newest(&vid(2));
    assert_eq!(heads.take_polled(), [vid(2)]);
    assert_eq!(heads.take_polled(), []);
}

/// A catalog that others commit to, of which only the heads and the announcements are there.
#[derive(Default)]
struct Shared {
    heads: Mutex<Vec<(VolumeId, Lsn)>>,
    announced: Mutex<Vec<(VolumeId, Lsn)>>,
    announcements: AtomicU32,
    listener: Mutex<Option<mpsc::UnboundedSender<Announcement>>>,
}

type Announcement = Vec<(VolumeId, Lsn)>;

struct Channel(mpsc::UnboundedReceiver<Announcement>);

#[async_trait]
impl News for Channel {
    async fn next(&mut self) -> Result<Vec<(VolumeId, Lsn)>, Error> {
        self.0.recv().await.ok_or(Error::ReadOnly)
    }
}

#[async_trait]
impl Catalog for Shared {
    async fn heads_read(&self, _vids: &[VolumeId]) -> Result<Vec<(VolumeId, Lsn)>, Error> {
        Ok(self.heads.lock().clone())
    }
    async fn heads_announce(&self, heads: &[(VolumeId, Lsn)]) -> Result<(), Error> {
        self.announced.lock().extend(heads);
        self.announcements.fetch_add(1, Ordering::Relaxed);
        // Whoever announces hears it, too.
        if let Some(listener) = &*self.listener.lock() {
            drop(listener.send(heads.to_vec()));
        }
        Ok(())
    }
    async fn news(&self) -> Result<Box<dyn News>, Error> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.listener.lock() = Some(sender);
        Ok(Box::new(Channel(receiver)))
    }
    fn is_shared(&self) -> bool {
        true
    }
    async fn snapshot_latest(&self, _: VolumeId) -> Result<Option<Snapshot>, Error> {
        Err(Error::ReadOnly)
    }
    async fn snapshot_at(&self, _: VolumeId, _: Lsn) -> Result<Option<Snapshot>, Error> {
        Err(Error::ReadOnly)
    }
    async fn commits_read(&self, _: VolumeId, _: CommitsWanted) -> Result<Option<CommitsPage>, Error> {
        Err(Error::ReadOnly)
    }
    async fn commit_append(&self, _: CommitCall, _: Timestamp) -> Result<CommitOutcome, Error> {
        Err(Error::ReadOnly)
    }
    async fn segments_register(&self, _: Vec<SegmentRow>, _: Timestamp) -> Result<(), Error> {
        Err(Error::ReadOnly)
    }
    async fn segments_read(&self, _: &[SegmentId]) -> Result<Vec<SegmentRow>, Error> {
        Err(Error::ReadOnly)
    }
    async fn segments_list(&self, _: Option<SegmentId>, _: u32) -> Result<Vec<SegmentState>, Error> {
        Err(Error::ReadOnly)
    }
    async fn segments_doomed(&self, _: Timestamp, _: u32) -> Result<Vec<SegmentState>, Error> {
        Err(Error::ReadOnly)
    }
    async fn segments_change(&self, _: SegmentChange) -> Result<u64, Error> {
        Err(Error::ReadOnly)
    }
    async fn holdings_list(
        &self,
        _: &[SegmentId],
        _: Option<(VolumeId, SegmentId)>,
        _: u32,
    ) -> Result<Vec<(VolumeId, SegmentId)>, Error> {
        Err(Error::ReadOnly)
    }
    async fn holdings_read(&self, _: VolumeId, _: &[SegmentId]) -> Result<Vec<(SegmentId, Holding)>, Error> {
        Err(Error::ReadOnly)
    }
    async fn orphan_mark(&self) -> Result<Option<SegmentId>, Error> {
        Err(Error::ReadOnly)
    }
    async fn volumes_list(&self, _: Option<VolumeId>, _: u32) -> Result<Vec<Snapshot>, Error> {
        Err(Error::ReadOnly)
    }
    async fn volume_stats(&self, _: VolumeId) -> Result<Option<VolumeStats>, Error> {
        Err(Error::ReadOnly)
    }
    async fn schema_check(&self) -> Result<(), Error> {
        Ok(())
    }
    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
    async fn close(&self) {}
}

struct Following {
    catalog: Arc<Shared>,
    heads: Arc<Heads>,
    announcer: Arc<Announcer>,
}

impl Following {
    fn start() -> Self {
        let (catalog, heads) = (Arc::new(Shared::default()), Arc::new(Heads::new(1000)));
        let announcer = Arc::new(Announcer::default());
        tokio::spawn(run(catalog.clone(), heads.clone(), announcer.clone(), Pace::default()));
        Self { catalog, heads, announcer }
    }

    async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn own_commits_are_announced_once_and_silence_is_broken_by_signs_of_life() {
    let following = Following::start();
    following.announcer.add(vid(1), lsn(1));
    following.announcer.add(vid(1), lsn(2));
    following.pass(1).await;
    assert_eq!(*following.catalog.announced.lock(), [(vid(1), lsn(2))]);
    assert_eq!(following.heads.newest(&vid(1)), Some(lsn(2)));
    following.pass(3600).await;
    assert_eq!(following.heads.newest(&vid(1)), Some(lsn(2)), "signs of life keep the heads trusted");
    assert_eq!(following.catalog.announced.lock().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn commits_in_quick_succession_share_announcements_and_the_first_waits_for_nothing() {
    let following = Following::start();
    following.pass(1).await;
    let begun = tokio::time::Instant::now();
    following.announcer.add(vid(0), lsn(1));
    while following.catalog.announced.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let before = following.catalog.announcements.load(Ordering::Relaxed);
    for number in 1..=1000 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        following.announcer.add(vid(number), lsn(1));
    }
    following.pass(1).await;
    assert_eq!(following.catalog.announced.lock().len(), 1001);
    let shared = following.catalog.announcements.load(Ordering::Relaxed) - before;
    assert!((45..=51).contains(&shared), "{shared} announcements of a second, one in 20 ms");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_hears_nothing_is_not_trusted() {
    let following = Following::start();
    following.pass(1).await;
    assert!(following.heads.moment().is_some());
    // The way is cut, so that not even our own signs of life come back, while the connection looks alive.
    let cut = following.catalog.listener.lock().take();
    following.pass(14).await;
    assert!(following.heads.moment().is_some());
    following.heads.observe(following.heads.moment(), vid(1), lsn(1));
    let trusted = following.heads.moment();
    following.pass(10).await;
    assert_ne!(following.heads.moment(), trusted, "a new listener was opened after 15 seconds");
    assert_eq!(following.heads.newest(&vid(1)), None);
    drop(cut);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_nobody_announced_is_found_by_comparing() {
    let following = Following::start();
    following.pass(1).await;
    following.heads.observe(following.heads.moment(), vid(1), lsn(1));
    following.catalog.heads.lock().push((vid(1), lsn(2)));
    assert_eq!(following.heads.newest(&vid(1)), Some(lsn(1)));
    following.pass(10).await;
    assert_eq!(following.heads.newest(&vid(1)), Some(lsn(2)));
}
