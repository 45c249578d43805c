//! What was acknowledged of each volume, and which volume a group of clients pushes to.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use catgraft_core::{Clock as _, IdSource as _, Lsn, PageCount, PageIndex, PageSet, RandomIds, SystemClock, VolumeId};
use catgraft_testkit::model::VolumeModel;
use parking_lot::Mutex;
use rand::{Rng, rngs::SmallRng, seq::IndexedRandom as _};

use crate::violation::Violation;

/// Pages of the largest volume.
pub(crate) const PAGES: u32 = 40;
/// Most pages of a push, less one.
const PUSH_PAGES: u32 = 16;

/// Every page that a volume may have.
pub(crate) fn all_pages() -> PageSet {
    (1..=PAGES).filter_map(PageIndex::new).collect()
}

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
    pub(crate) fn draw(rng: &mut SmallRng) -> Self {
        let page_count = PageCount::new(rng.random_range(PAGES / 2..=PAGES));
        let pages = (0..rng.random_range(0..PUSH_PAGES))
            .filter_map(|_| Some((PageIndex::new(rng.random_range(1..=page_count.get()))?, rng.random())))
            .collect();
        Self { page_count, pages }
    }
}

/// One volume, as far as its commits were acknowledged.
#[derive(Debug)]
pub(crate) struct Volume {
    vid: VolumeId,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    model: VolumeModel,
    /// Acknowledged commits above one whose client has not heard of it yet.
    ahead: BTreeMap<Lsn, Push>,
}

impl Volume {
    fn new() -> Self {
        Self { vid: RandomIds.volume_id(SystemClock.now()), known: Mutex::default() }
    }

    /// Its id.
    pub(crate) fn vid(&self) -> VolumeId {
        self.vid
    }

    /// Remembers a commit that was acknowledged.
    pub(crate) fn acknowledged(&self, lsn: Lsn, push: Push) -> Result<(), Violation> {
        let mut known = self.known.lock();
        let Known { model, ahead } = &mut *known;
        if model.head() >= Some(lsn) || ahead.insert(lsn, push).is_some() {
            return Err(Violation::TwoWinners { vid: self.vid, lsn });
        }
        while let Some(first) = ahead.first_entry()
            && first.key().get() == model.head().map_or(1, |head| head.get() + 1)
        {
            let push = first.remove();
            model.commit(push.page_count, &push.pages);
        }
        Ok(())
    }

    /// The newest LSN up to which every commit was acknowledged.
    pub(crate) fn head(&self) -> Option<Lsn> {
        self.known.lock().model.head()
    }

    /// Looks into the model.
    pub(crate) fn with_model<T>(&self, look: impl FnOnce(&VolumeModel) -> T) -> T {
        look(&self.known.lock().model)
    }

    /// Is every LSN below the newest acknowledged one somebody's? Asked when nothing is under way.
    pub(crate) fn check_gaps(&self) -> Result<(), Violation> {
        let Known { model, ahead } = &*self.known.lock();
        match ahead.keys().next() {
            None => Ok(()),
            Some(above) => {
                let missing = model.head().map_or(1, |head| head.get() + 1);
                Err(Violation::Gap { vid: self.vid, missing, above: *above })
            }
        }
    }
}

/// Every volume there is.
#[derive(Debug, Default)]
pub(crate) struct Volumes(Mutex<Vec<Arc<Volume>>>);

impl Volumes {
    fn add(&self) -> Arc<Volume> {
        let volume = Arc::new(Volume::new());
        self.0.lock().push(Arc::clone(&volume));
        volume
    }

    /// Any of them.
    pub(crate) fn draw(&self, rng: &mut SmallRng) -> Option<Arc<Volume>> {
        self.0.lock().choose(rng).cloned()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Volume>> {
        self.0.lock().clone()
    }
}

/// Clients that push to the same volume, and to the next one when it is long enough.
#[derive(Debug)]
pub(crate) struct Group {
    volumes: Arc<Volumes>,
    current: Mutex<Arc<Volume>>,
    commits_max: u64,
    is_shared: bool,
}

impl Group {
    /// A group with its first volume.
    pub(crate) fn new(volumes: Arc<Volumes>, commits_max: u64, is_shared: bool) -> Self {
        let current = Mutex::new(volumes.add());
        Self { volumes, current, commits_max, is_shared }
    }

    /// Does it have more than one client?
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The volume to push to.
    pub(crate) fn volume(&self) -> Arc<Volume> {
        let mut current = self.current.lock();
        if current.head().is_some_and(|head| head.get() >= self.commits_max) {
            *current = self.volumes.add();
        }
        Arc::clone(&current)
    }
}
