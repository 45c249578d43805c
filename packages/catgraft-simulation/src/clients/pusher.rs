//! Clients that push: pages to any pagestore, commits to any metastore, again elsewhere when no answer comes, and now and
//! then given up as by a client that dies.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use catgraft_client::Error;
use catgraft_core::{ClientId, IdSource as _, Lsn, PageIndex, Timestamp};
use catgraft_proto::graft::{
    common::v1::{GraftErrCode, SegmentInfo},
    metastore::v1::CommitRequest,
    pagestore::v1::{PageAtIdx, WritePagesRequest},
};
use catgraft_testkit::model::page_content;
use tokio::time::Instant;

use super::{Patience, Servers, compare::read_head, wire};
use crate::{
    history::{History, Push},
    plan::PUSH_PAGES_MAX,
    violation::Violation,
};

/// Attempts after which a client gives up, as long as things go wrong.
const ATTEMPTS_MAX: u32 = 10;
/// One in so many acknowledged commits is sent once more.
const REPEAT_ONE_IN: u32 = 6;
/// One in so many unanswered commits goes out with its pages written again, and so with other segments.
const REWRITE_ONE_IN: u32 = 4;
/// One in so many unanswered commits is given up.
const GIVE_UP_ONE_IN: u32 = 12;
/// Segments that are named so long after they were written may be gone: the grace period, less by what clocks differ.
const NAMED_SAFELY: Duration = Duration::from_secs(45 * 60);

/// Longest that a client is away between writing pages and committing them.
const AWAY_MAX: Duration = Duration::from_secs(4 * 60 * 60);

/// What became of a push.
enum Outcome {
    Landed(Lsn),
    Rejected,
    /// Nobody knows.
    GivenUp,
}

struct Pusher {
    servers: Servers,
    cid: ClientId,
}

/// Makes the pushes of one client.
pub(crate) async fn push_all(servers: Servers, history: Arc<History>) -> Result<(), Violation> {
    let cid = new_client(&servers);
    let mut pusher = Pusher { servers, cid };
    let mut base = None;
    for _ in 0..pusher.servers.world.plan.pushes {
        pusher.think().await;
        base = pusher.push(&history, base).await?;
    }
    Ok(())
}

fn new_client(servers: &Servers) -> ClientId {
    servers.world.dice.client_id(Timestamp::from_millis(0))
}

impl Pusher {
    /// Does nothing for a while; in some simulations, for an hour or two.
    async fn think(&self) {
        let world = &self.servers.world;
        let mut time = world.dice.time(world.plan.think);
        if world.plan.orphans.is_some() && world.dice.one_in(3) {
            time = world.dice.time(Duration::from_secs(100 * 60));
        }
        tokio::time::sleep(time).await;
    }

    /// Pushes once, and says the head to go on from.
    async fn push(&mut self, history: &History, base: Option<Lsn>) -> Result<Option<Lsn>, Violation> {
        let world = Arc::clone(&self.servers.world);
        let push = Push::draw(&world.dice);
        let lsn = metastore::commit::lsn_after(base).expect("no volume here has so many commits");
        // The first of several requests may be answered hours before the last.
        let mut written_at = Instant::now();
        let Some(segments) = self.write(history, &push).await? else {
            world.count(|counts| &mut counts.given_up);
            return Ok(base);
        };
        if world.plan.orphans.is_some() && world.dice.one_in(4) {
            // Away between the write and the commit, or for ever.
            tokio::time::sleep(world.dice.time(AWAY_MAX)).await;
            if world.dice.one_in(2) {
                world.count(|counts| &mut counts.given_up);
                return Ok(base);
            }
        }
        let mut request = CommitRequest {
            vid: wire(history.vid.as_bytes()),
            cid: wire(self.cid.as_bytes()),
            snapshot_lsn: base.map(Lsn::get),
            page_count: push.page_count.get(),
            segments,
        };
        history.tries(lsn, self.cid, push.clone());
        match self.commit(history, &push, &mut request, &mut written_at, lsn).await? {
            Outcome::Landed(found) if found != lsn => {
                let why = format!("it landed at LSN {found}");
                Err(Violation::Answer { vid: history.vid, what: format!("a commit at LSN {lsn}"), why })
            }
            Outcome::Landed(_) => {
                history.settle(lsn, self.cid)?;
                world.count(|counts| &mut counts.acknowledged);
                if world.dice.one_in(REPEAT_ONE_IN) {
                    self.repeat(history, &push, request, written_at, lsn).await?;
                }
                Ok(Some(lsn))
            }
            Outcome::Rejected => {
                history.rejected(lsn, self.cid)?;
                world.count(|counts| &mut counts.races_lost);
                let head = read_head(&self.servers, history).await?;
                if head.is_none_or(|head| head < lsn) {
                    return Err(Violation::RejectedForNothing { vid: history.vid, lsn, head });
                }
                Ok(head)
            }
            Outcome::GivenUp => {
                // Whoever comes back without knowing what it did is somebody else.
                world.count(|counts| &mut counts.given_up);
                history.given_up(lsn, self.cid);
                self.cid = new_client(&self.servers);
                read_head(&self.servers, history).await
            }
        }
    }

    /// A commit that was acknowledged is sent once more, as by a client that crashed before it took note.
    async fn repeat(
        &mut self,
        history: &History,
        push: &Push,
        mut request: CommitRequest,
        mut written_at: Instant,
        lsn: Lsn,
    ) -> Result<(), Violation> {
        match self.commit(history, push, &mut request, &mut written_at, lsn).await? {
            Outcome::Landed(again) if again == lsn => self.servers.world.count(|counts| &mut counts.repeated),
            Outcome::Landed(again) => {
                let (what, why) = (format!("a retry of LSN {lsn}"), format!("it landed again at LSN {again}"));
                return Err(Violation::Answer { vid: history.vid, what, why });
            }
            Outcome::Rejected => {
                return Err(Violation::RejectedLanded { vid: history.vid, lsn, cid: self.cid });
            }
            Outcome::GivenUp => {}
        }
        Ok(())
    }

    /// Stores the pages of a push, in one request or several. None where the client gave up.
    async fn write(&self, history: &History, push: &Push) -> Result<Option<Vec<SegmentInfo>>, Violation> {
        let pages: Vec<(&PageIndex, &u64)> = push.pages.iter().collect();
        let most = self.servers.world.dice.number(PUSH_PAGES_MAX / 2..=PUSH_PAGES_MAX) as usize;
        let mut segments = Vec::new();
        for part in pages.chunks(most) {
            let part = part.iter().map(|(index, seed)| (**index, **seed)).collect();
            match self.write_part(history, part).await? {
                Some(stored) => segments.extend(stored),
                None => return Ok(None),
            }
        }
        Ok(Some(segments))
    }

    async fn write_part(
        &self,
        history: &History,
        pages: BTreeMap<PageIndex, u64>,
    ) -> Result<Option<Vec<SegmentInfo>>, Violation> {
        let vid = history.vid;
        let pages = pages.iter().map(|(index, seed)| PageAtIdx { pageidx: index.get(), data: page_content(*seed) });
        let request = WritePagesRequest { vid: wire(vid.as_bytes()), pages: pages.collect() };
        let mut patience = Patience::new(format!("volume {vid}: a write of pages"));
        for attempt in 1.. {
            let error = match self.servers.pagestore().write_pages(&request).await {
                Ok(answer) => return Ok(Some(answer.segments)),
                Err(error) => error,
            };
            if attempt >= ATTEMPTS_MAX && !self.servers.world.is_calm() {
                return Ok(None);
            }
            patience.wait(&self.servers.world, &error)?;
            let refused = |error| Violation::Refused { vid, what: "a write of pages".to_owned(), error };
            self.servers.after(error).await.map_err(refused)?;
        }
        Ok(None)
    }

    /// Commits what was written, until it is answered or given up.
    async fn commit(
        &self,
        history: &History,
        push: &Push,
        request: &mut CommitRequest,
        written_at: &mut Instant,
        lsn: Lsn,
    ) -> Result<Outcome, Violation> {
        let (vid, world) = (history.vid, &self.servers.world);
        let what = || format!("a commit at LSN {lsn}");
        let mut patience = Patience::new(format!("volume {vid}: {}", what()));
        for attempt in 1.. {
            let error = match self.servers.metastore().commit(request).await {
                Ok(answer) => {
                    let lsn = answer.snapshot.and_then(|snapshot| Lsn::new(snapshot.lsn));
                    let none = || Violation::Answer { vid, what: what(), why: "it has no LSN".to_owned() };
                    return lsn.map(Outcome::Landed).ok_or_else(none);
                }
                Err(error) if error.code() == Some(GraftErrCode::CommitRejected) => return Ok(Outcome::Rejected),
                Err(error) => error,
            };
            let mut rewrites = world.dice.one_in(REWRITE_ONE_IN);
            if is_of_removed_segment(&error) && written_at.elapsed() > NAMED_SAFELY {
                rewrites = true;
            } else {
                patience.wait(world, &error)?;
                let refused = |error| Violation::Refused { vid, what: what(), error };
                self.servers.after(error).await.map_err(refused)?;
            }
            if !world.is_calm() && (attempt >= ATTEMPTS_MAX || world.dice.one_in(GIVE_UP_ONE_IN)) {
                return Ok(Outcome::GivenUp);
            }
            if rewrites {
                let began = Instant::now();
                match self.write(history, push).await? {
                    Some(segments) => (request.segments, *written_at) = (segments, began),
                    None => return Ok(Outcome::GivenUp),
                }
            }
        }
        Ok(Outcome::GivenUp)
    }
}

fn is_of_removed_segment(error: &Error) -> bool {
    matches!(error, Error::Refused { code: GraftErrCode::Client, message, .. } if message.ends_with("does not exist"))
}
