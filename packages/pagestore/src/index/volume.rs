//! The index of one volume: the versions of its newest commits in memory, and those of older ones in files where memory
//! would not hold them all.
//!
//! What is in memory moves to a file when it has become too much. Files of similar size are merged, so that there are few of
//! them and a version is written a few times at most: with n times the versions that memory holds, log2(n) files. A
//! page is looked for in memory first, and then in the files, the newest first, until one knows it.

use std::{io, mem, panic, sync::Arc};

use catgraft_core::{Lsn, PageIndex, PageSet, SegmentId};
use parking_lot::RwLock;
use tokio::task;

use super::{
    stored::{Files, Stored, merged},
    versions::{Found, LogError, LoggedCommit, Versions},
};

/// A page and the segment that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) page: PageIndex,
    pub(crate) sid: SegmentId,
}

/// One volume's index. It is read while it grows, and only one at a time may let it grow.
#[derive(Debug, Default)]
pub(super) struct VolumeIndex(RwLock<Layers>);

/// The versions, newest first.
#[derive(Debug, Default)]
struct Layers {
    newest: Versions,
    /// On their way to a file.
    leaving: Option<Arc<Versions>>,
    /// The oldest first.
    stored: Vec<Arc<Stored>>,
}

impl Layers {
    fn find_in_memory(&self, page: PageIndex, lsn: Lsn) -> Found {
        match (self.newest.find(page, lsn), &self.leaving) {
            (Found::Untouched, Some(leaving)) => leaving.find(page, lsn),
            (found, _) => found,
        }
    }
}

impl VolumeIndex {
    /// The newest LSN that is known.
    pub(super) fn head(&self) -> Option<Lsn> {
        self.0.read().newest.head()
    }

    pub(super) fn knows(&self, lsn: Lsn) -> bool {
        self.head().is_some_and(|head| head >= lsn)
    }

    /// Where pages are, as they were at an LSN that is known, in ascending order; those without content are left out. Fails where
    /// a file can't be read.
    pub(super) async fn plan(&self, lsn: Lsn, pages: &PageSet) -> io::Result<Vec<Planned>> {
        let mut plan = Vec::new();
        let mut untouched = Vec::new();
        let stored = {
            let layers = self.0.read();
            for page in pages.iter() {
                match layers.find_in_memory(page, lsn) {
                    Found::Segment(sid) => plan.push(Planned { page, sid }),
                    Found::Nothing => {}
                    Found::Untouched if layers.stored.is_empty() => {}
                    Found::Untouched => untouched.push(page),
                }
            }
            if untouched.is_empty() {
                return Ok(plan);
            }
            layers.stored.clone()
        };
        plan.extend(on_a_waiting_thread(move || plan_of_stored(&stored, lsn, untouched)).await?);
        plan.sort_unstable_by_key(|planned| planned.page);
        Ok(plan)
    }

    /// Adds the commits that follow the head, up to the first that is an error.
    pub(super) fn append(&self, commits: &[LoggedCommit]) -> Result<(), LogError> {
        self.0.write().newest.append(commits)
    }

    /// Bytes of memory, about.
    pub(super) fn memory_len(&self) -> usize {
        let layers = self.0.read();
        let stored = layers.stored.iter().map(|stored| stored.memory_len());
        layers.newest.memory_len() + layers.leaving.as_ref().map_or(0, |it| it.memory_len()) + stored.sum::<usize>()
    }

    /// Moves the versions in memory to a file where they are more than so many bytes. Where it fails, nothing is lost, and it
    /// has to be called again before more commits are added.
    pub(super) async fn relieve(&self, files: &Files, memory_max: usize) -> io::Result<()> {
        let leaving = {
            let mut layers = self.0.write();
            if layers.leaving.is_none() && layers.newest.memory_len() > memory_max {
                let following = layers.newest.following();
                layers.leaving = Some(Arc::new(mem::replace(&mut layers.newest, following)));
            }
            layers.leaving.clone()
        };
        let Some(leaving) = leaving else { return Ok(()) };
        let files = files.clone();
        let new = on_a_waiting_thread(move || {
            let [sorted, recent] = leaving.entries();
            Stored::write(&files, merged(sorted.map(Ok), recent.map(Ok)), leaving.lows().clone())
        });
        let new = new.await?;
        {
            let mut layers = self.0.write();
            layers.stored.push(Arc::new(new));
            layers.leaving = None;
        }
        self.merge().await
    }

    /// Merges the newest files until each is at least twice as long as the next.
    async fn merge(&self) -> io::Result<()> {
        while let Some((earlier, later)) = self.unbalanced() {
            let both = on_a_waiting_thread(move || earlier.merged_with(&later)).await?;
            let mut layers = self.0.write();
            let kept = layers.stored.len() - 2;
            layers.stored.truncate(kept);
            layers.stored.push(Arc::new(both));
        }
        Ok(())
    }

    /// How many files there are.
    #[cfg(test)]
    pub(super) fn files(&self) -> usize {
        self.0.read().stored.len()
    }

    /// Puts another byte into the oldest file.
    #[cfg(test)]
    pub(super) fn damage(&self) {
        self.0.read().stored[0].damage();
    }

    /// The two newest files, where they are to be one.
    fn unbalanced(&self) -> Option<(Arc<Stored>, Arc<Stored>)> {
        match self.0.read().stored.as_slice() {
            [.., earlier, later] if earlier.len() < 2 * later.len() => Some((Arc::clone(earlier), Arc::clone(later))),
            _ => None,
        }
    }
}

fn plan_of_stored(stored: &[Arc<Stored>], lsn: Lsn, pages: Vec<PageIndex>) -> io::Result<Vec<Planned>> {
    let mut finders: Vec<_> = stored.iter().rev().map(|stored| stored.finder()).collect();
    let mut plan = Vec::new();
    for page in pages {
        for finder in &mut finders {
            match finder.find(page, lsn)? {
                Found::Segment(sid) => plan.push(Planned { page, sid }),
                Found::Nothing => {}
                Found::Untouched => continue,
            }
            break;
        }
    }
    Ok(plan)
}

async fn on_a_waiting_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(ended) if ended.is_panic() => panic::resume_unwind(ended.into_panic()),
        Err(ended) => Err(io::Error::other(ended)),
    }
}
