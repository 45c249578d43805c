//! Clients that push: each commit is tried until it is answered, at any of the servers, as real clients do.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use catgraft_core::{ClientId, Clock as _, IdSource as _, Lsn, RandomIds, SystemClock, VolumeId};
use catgraft_proto::graft::{
    common::v1::{GraftErrCode, SegmentInfo},
    metastore::v1::{CommitRequest, SnapshotRequest},
    pagestore::v1::{PageAtIdx, WritePagesRequest},
};
use catgraft_testkit::model::page_content;
use rand::{Rng as _, rngs::SmallRng};

use crate::{
    servers::{Servers, wire},
    violation::Violation,
    volume::{Group, Push, Volume},
};

/// One in so many acknowledged commits is sent once more, as by a client that crashed before it took note.
const REPEAT_ONE_IN: u32 = 16;
/// One in so many unanswered commits goes out with its pages written again, and so with other segments.
const REWRITE_ONE_IN: u32 = 4;

struct Pusher {
    servers: Servers,
    cid: ClientId,
    rng: SmallRng,
}

/// Pushes until the flag is set; what was begun is brought to an end.
pub(crate) async fn push_until(
    servers: Servers,
    group: Arc<Group>,
    stop: Arc<AtomicBool>,
    rng: SmallRng,
) -> Result<(), Violation> {
    let mut pusher = Pusher { servers, cid: RandomIds.client_id(SystemClock.now()), rng };
    let mut volume = group.volume();
    let mut base = None;
    while !stop.load(Ordering::Relaxed) {
        let current = group.volume();
        if current.vid() != volume.vid() {
            (base, volume) = (current.head(), current);
        }
        base = pusher.push(&volume, base, group.is_shared()).await?;
    }
    Ok(())
}

impl Pusher {
    /// Pushes once, and says the head to go on from.
    async fn push(&mut self, volume: &Volume, base: Option<Lsn>, is_shared: bool) -> Result<Option<Lsn>, Violation> {
        let vid = volume.vid();
        let push = Push::draw(&mut self.rng);
        let mut request = CommitRequest {
            vid: wire(vid.as_bytes()),
            cid: wire(self.cid.as_bytes()),
            snapshot_lsn: base.map(Lsn::get),
            page_count: push.page_count.get(),
            segments: self.write(vid, &push).await?,
        };
        let Some(lsn) = self.commit(vid, &push, &mut request).await? else {
            self.servers.tally().races_lost.add(1);
            return match is_shared {
                true => Ok(self.head(vid).await?.max(volume.head())),
                false => Err(Violation::RaceAlone { vid, base }),
            };
        };
        if lsn.get() != base.map_or(1, |base| base.get() + 1) {
            return Err(Violation::Place { vid, base, lsn });
        }
        volume.acknowledged(lsn, push.clone())?;
        self.servers.tally().acknowledged.add(1);
        if self.rng.random_ratio(1, REPEAT_ONE_IN) {
            match self.commit(vid, &push, &mut request).await? {
                Some(again) if again == lsn => self.servers.tally().repeated.add(1),
                Some(again) => return Err(Violation::Place { vid, base, lsn: again }),
                None => return Err(Violation::RaceAlone { vid, base }),
            }
        }
        Ok(Some(lsn))
    }

    /// Stores the pages of a push.
    async fn write(&mut self, vid: VolumeId, push: &Push) -> Result<Vec<SegmentInfo>, Violation> {
        if push.pages.is_empty() {
            return Ok(Vec::new());
        }
        let pages =
            push.pages.iter().map(|(index, seed)| PageAtIdx { pageidx: index.get(), data: page_content(*seed) });
        let request = WritePagesRequest { vid: wire(vid.as_bytes()), pages: pages.collect() };
        loop {
            match self.servers.pagestore(&mut self.rng).write_pages(&request).await {
                Ok(answer) => return Ok(answer.segments),
                Err(error) if self.servers.is_to_be_repeated(&mut self.rng, &error).await => {}
                Err(error) if self.servers.is_denial(&mut self.rng, &error).await => {}
                Err(error) => return Err(Violation::Refused { vid, what: "a write of pages".to_owned(), error }),
            }
        }
    }

    /// Commits what was written. None where another client was faster.
    async fn commit(
        &mut self,
        vid: VolumeId,
        push: &Push,
        request: &mut CommitRequest,
    ) -> Result<Option<Lsn>, Violation> {
        loop {
            let what = || format!("a commit on {:?}", request.snapshot_lsn);
            match self.servers.metastore(&mut self.rng).commit(request).await {
                Ok(answer) => {
                    let lsn = answer.snapshot.and_then(|snapshot| Lsn::new(snapshot.lsn));
                    let why = || "it has no LSN".to_owned();
                    return lsn.map(Some).ok_or_else(|| Violation::Answer { vid, what: what(), why: why() });
                }
                Err(error) if error.code() == Some(GraftErrCode::CommitRejected) => return Ok(None),
                Err(error) if self.servers.is_to_be_repeated(&mut self.rng, &error).await => {}
                Err(error) => return Err(Violation::Refused { vid, what: what(), error }),
            }
            if self.rng.random_ratio(1, REWRITE_ONE_IN) {
                request.segments = self.write(vid, push).await?;
            }
        }
    }

    /// The head that a metastore tells of a volume that somebody else has pushed to.
    async fn head(&mut self, vid: VolumeId) -> Result<Option<Lsn>, Violation> {
        let request = SnapshotRequest { vid: wire(vid.as_bytes()), lsn: None };
        loop {
            match self.servers.metastore(&mut self.rng).snapshot(&request).await {
                Ok(answer) => return Ok(answer.snapshot.and_then(|snapshot| Lsn::new(snapshot.lsn))),
                Err(error) if self.servers.is_to_be_repeated(&mut self.rng, &error).await => {}
                Err(error) => return Err(Violation::Refused { vid, what: "the head".to_owned(), error }),
            }
        }
    }
}
