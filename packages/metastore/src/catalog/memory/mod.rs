//! A catalog in this process's memory, for simulations and tests: what it holds is gone with the process. No setting leads
//! to it.
//!
//! It is one catalog for any number of metastores, as a Postgres database is: each call happens at one moment, and
//! announcements reach everybody who listens. It runs through the same conformance suite as the two databases.

mod state;

use async_trait::async_trait;
use catgraft_core::{Lsn, SegmentId, Timestamp, VolumeId};
use catgraft_proto::CommitCall;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use self::state::State;
use super::{
    Catalog, CommitOutcome, CommitsPage, CommitsWanted, Error, Holding, News, SegmentChange, SegmentRow, SegmentState,
    Snapshot, VolumeStats,
};

type Announcement = Vec<(VolumeId, Lsn)>;

/// Volumes, commits and segments in memory.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
    listeners: Mutex<Vec<mpsc::UnboundedSender<Announcement>>>,
}

impl Memory {
    /// A catalog without anything in it.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Catalog for Memory {
    async fn snapshot_latest(&self, vid: VolumeId) -> Result<Option<Snapshot>, Error> {
        Ok(self.state.lock().snapshot_latest(vid))
    }

    async fn snapshot_at(&self, vid: VolumeId, lsn: Lsn) -> Result<Option<Snapshot>, Error> {
        Ok(self.state.lock().snapshot_at(vid, lsn))
    }

    async fn commits_read(&self, vid: VolumeId, wanted: CommitsWanted) -> Result<Option<CommitsPage>, Error> {
        Ok(self.state.lock().commits_read(vid, wanted))
    }

    async fn commit_append(&self, call: CommitCall, now: Timestamp) -> Result<CommitOutcome, Error> {
        self.state.lock().commit_append(&call, now)
    }

    async fn segments_register(&self, rows: Vec<SegmentRow>, now: Timestamp) -> Result<(), Error> {
        self.state.lock().segments_register(rows, now)
    }

    async fn segments_read(&self, sids: &[SegmentId]) -> Result<Vec<SegmentRow>, Error> {
        Ok(self.state.lock().segments_read(sids))
    }

    async fn segments_list(&self, after: Option<SegmentId>, limit: u32) -> Result<Vec<SegmentState>, Error> {
        Ok(self.state.lock().segments_list(after, limit))
    }

    async fn segments_doomed(&self, until: Timestamp, limit: u32) -> Result<Vec<SegmentState>, Error> {
        Ok(self.state.lock().segments_doomed(until, limit))
    }

    async fn segments_change(&self, change: SegmentChange) -> Result<u64, Error> {
        Ok(self.state.lock().segments_change(&change))
    }

    async fn holdings_list(
        &self,
        sids: &[SegmentId],
        after: Option<(VolumeId, SegmentId)>,
        limit: u32,
    ) -> Result<Vec<(VolumeId, SegmentId)>, Error> {
        Ok(self.state.lock().holdings_list(sids, after, limit))
    }

    async fn holdings_read(&self, vid: VolumeId, sids: &[SegmentId]) -> Result<Vec<(SegmentId, Holding)>, Error> {
        Ok(self.state.lock().holdings_read(vid, sids))
    }

    async fn orphan_mark(&self) -> Result<Option<SegmentId>, Error> {
        Ok(self.state.lock().orphan_mark())
    }

    async fn volumes_list(&self, after: Option<VolumeId>, limit: u32) -> Result<Vec<Snapshot>, Error> {
        Ok(self.state.lock().volumes_list(after, limit))
    }

    async fn volume_stats(&self, vid: VolumeId) -> Result<Option<VolumeStats>, Error> {
        Ok(self.state.lock().volume_stats(vid))
    }

    async fn heads_read(&self, vids: &[VolumeId]) -> Result<Vec<(VolumeId, Lsn)>, Error> {
        let state = self.state.lock();
        Ok(vids.iter().filter_map(|vid| Some((*vid, state.snapshot_latest(*vid)?.lsn))).collect())
    }

    async fn heads_announce(&self, heads: &[(VolumeId, Lsn)]) -> Result<(), Error> {
        self.listeners.lock().retain(|listener| listener.send(heads.to_vec()).is_ok());
        Ok(())
    }

    async fn news(&self) -> Result<Box<dyn News>, Error> {
        let (sender, heard) = mpsc::unbounded_channel();
        self.listeners.lock().push(sender);
        Ok(Box::new(Heard(heard)))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn schema_check(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn close(&self) {}
}

/// Announcements on their way to one listener.
struct Heard(mpsc::UnboundedReceiver<Announcement>);

#[async_trait]
impl News for Heard {
    async fn next(&mut self) -> Result<Announcement, Error> {
        match self.0.recv().await {
            Some(heads) => Ok(heads),
            // The catalog itself is gone, and so is everybody who could announce something.
            None => std::future::pending().await,
        }
    }
}
