//! What clients tried to commit to a volume, what is known to have landed, and so what the volume must hold.
//!
//! An LSN is settled when a client was told that its commit is there, or when somebody saw a commit there. Each is settled
//! once and for all; that all LSNs up to the highest settled one exist is what every later answer must know.

use std::collections::BTreeMap;

use catgraft_core::{ClientId, Lsn, PageCount, PageIndex, VolumeId};
use catgraft_testkit::model::VolumeModel;
use parking_lot::Mutex;

use crate::{
    dice::Dice,
    plan::{PUSH_PAGES_MAX, VOLUME_PAGES},
    violation::Violation,
};

/// What one commit does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Push {
    /// The page count afterwards.
    pub(crate) page_count: PageCount,
    /// Seed of each page's content.
    pub(crate) pages: BTreeMap<PageIndex, u64>,
}

impl Push {
    /// Any push: a few pages, none now and then, of a volume that shrinks and grows.
    pub(crate) fn draw(dice: &Dice) -> Self {
        let page_count = dice.number(1..=VOLUME_PAGES) as u32;
        let pages = (0..dice.number(0..=2 * PUSH_PAGES_MAX)).filter_map(|_| {
            let page = PageIndex::new(dice.number(1..=u64::from(page_count)) as u32)?;
            Some((page, dice.number(0..=u64::MAX)))
        });
        Self { page_count: PageCount::new(page_count), pages: pages.collect() }
    }
}

/// One volume.
pub(crate) struct History {
    pub(crate) vid: VolumeId,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Everything that was tried, by the LSN that it would get.
    attempts: BTreeMap<(Lsn, ClientId), Attempt>,
    /// Who made the commit at each LSN that is settled.
    settled: BTreeMap<Lsn, ClientId>,
    /// The volume up to the first LSN that is not settled.
    model: VolumeModel,
}

struct Attempt {
    push: Push,
    is_rejected: bool,
    is_given_up: bool,
}

impl History {
    pub(crate) fn new(vid: VolumeId) -> Self {
        Self { vid, inner: Mutex::default() }
    }

    /// A client is about to try this commit.
    pub(crate) fn tries(&self, lsn: Lsn, cid: ClientId, push: Push) {
        self.inner.lock().attempts.insert((lsn, cid), Attempt { push, is_rejected: false, is_given_up: false });
    }

    /// A client was told that its commit lost. It never lands afterwards.
    pub(crate) fn rejected(&self, lsn: Lsn, cid: ClientId) -> Result<(), Violation> {
        let mut inner = self.inner.lock();
        if inner.settled.get(&lsn) == Some(&cid) {
            return Err(Violation::RejectedLanded { vid: self.vid, lsn, cid });
        }
        if let Some(attempt) = inner.attempts.get_mut(&(lsn, cid)) {
            attempt.is_rejected = true;
        }
        Ok(())
    }

    /// A client gave its commit up, and does not know what became of it.
    pub(crate) fn given_up(&self, lsn: Lsn, cid: ClientId) {
        if let Some(attempt) = self.inner.lock().attempts.get_mut(&(lsn, cid)) {
            attempt.is_given_up = true;
        }
    }

    /// How many commits landed whose clients had given them up.
    pub(crate) fn landed_untold(&self) -> usize {
        let inner = self.inner.lock();
        let settled = inner.settled.iter().filter_map(|(lsn, cid)| inner.attempts.get(&(*lsn, *cid)));
        settled.filter(|attempt| attempt.is_given_up).count()
    }

    /// The commit at this LSN is known to be this client's.
    pub(crate) fn settle(&self, lsn: Lsn, cid: ClientId) -> Result<(), Violation> {
        let vid = self.vid;
        let mut inner = self.inner.lock();
        let Inner { attempts, settled, model } = &mut *inner;
        match attempts.get(&(lsn, cid)) {
            None => return Err(Violation::Stranger { vid, lsn, cid }),
            Some(Attempt { is_rejected: true, .. }) => return Err(Violation::RejectedLanded { vid, lsn, cid }),
            Some(_) => {}
        }
        let before = settled.insert(lsn, cid);
        if let Some(one) = before.filter(|one| *one != cid) {
            return Err(Violation::TwoWinners { vid, lsn, one, other: cid });
        }
        while let Some(next) = Lsn::new(model.head().map_or(1, |head| head.get() + 1))
            && let Some(winner) = settled.get(&next)
            && let Some(Attempt { push, .. }) = attempts.get(&(next, *winner))
        {
            model.commit(push.page_count, &push.pages);
        }
        Ok(())
    }

    /// The highest LSN that is settled: every question asked from now on must know it.
    pub(crate) fn floor(&self) -> Option<Lsn> {
        self.inner.lock().settled.last_key_value().map(|(lsn, _)| *lsn)
    }

    /// What is answered to a question must not be behind what was known before it was asked.
    pub(crate) fn check_floor(&self, what: &'static str, known: Option<Lsn>, found: u64) -> Result<(), Violation> {
        match known {
            Some(known) if found < known.get() => Err(Violation::Stale { vid: self.vid, what, found, known }),
            _ => Ok(()),
        }
    }

    /// The newest LSN up to which all are settled.
    pub(crate) fn head(&self) -> Option<Lsn> {
        self.with_model(VolumeModel::head)
    }

    /// Looks into the model.
    pub(crate) fn with_model<T>(&self, look: impl FnOnce(&VolumeModel) -> T) -> T {
        look(&self.inner.lock().model)
    }
}
