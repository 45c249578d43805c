//! The index of one volume: the versions of its newest commits in memory, and those of older ones in runs in the index file
//! where memory would not hold them all.
//!
//! What is in memory becomes a run when it is too much. Runs of similar size are merged, so that there are few of
//! them and a version is written a few times at most: log2(n) runs and times, for n times the versions of the shortest. A
//! page is looked for in memory first, and then in the runs, the newest first, until one knows it.

use std::{io, mem, panic, sync::Arc};

use catgraft_core::{Lsn, PageIndex, PageSet, SegmentId};
use parking_lot::RwLock;
use tokio::task;

use super::{
    file::IndexFile,
    room::Holding,
    run::{Run, merged},
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
    /// On their way to a run.
    leaving: Option<Arc<Versions>>,
    /// The oldest first.
    runs: Vec<Arc<Run>>,
    /// Could two not be merged? Then all stay apart until there is another.
    stay_apart: bool,
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
    /// the file can't be read.
    pub(super) async fn plan(&self, lsn: Lsn, pages: &PageSet) -> io::Result<Vec<Planned>> {
        let mut plan = Vec::new();
        let mut untouched = Vec::new();
        let runs = {
            let layers = self.0.read();
            for page in pages.iter() {
                match layers.find_in_memory(page, lsn) {
                    Found::Segment(sid) => plan.push(Planned { page, sid }),
                    Found::Nothing => {}
                    Found::Untouched if layers.runs.is_empty() => {}
                    Found::Untouched => untouched.push(page),
                }
            }
            if untouched.is_empty() {
                return Ok(plan);
            }
            layers.runs.clone()
        };
        plan.extend(on_a_waiting_thread(move || plan_of_runs(&runs, lsn, untouched)).await?);
        plan.sort_unstable_by_key(|planned| planned.page);
        Ok(plan)
    }

    /// Adds the commits that follow the head, up to the first that is an error.
    pub(super) fn append(&self, commits: &[LoggedCommit]) -> Result<(), LogError> {
        self.0.write().newest.append(commits)
    }

    /// Bytes of memory, about.
    pub(super) fn holding(&self) -> Holding {
        let layers = self.0.read();
        let versions = layers.newest.memory_len() + layers.leaving.as_ref().map_or(0, |leaving| leaving.memory_len());
        Holding { versions, runs: layers.runs.iter().map(|run| run.memory_len()).sum() }
    }

    /// Makes a run of the versions in memory where they are more than so many bytes. Where it fails, nothing is lost, and the
    /// next call tries again. It returns as soon as the index has changed, so that it can be counted anew.
    pub(super) async fn move_above(&self, file: &IndexFile, memory_max: usize) -> io::Result<()> {
        let leaving = {
            let mut layers = self.0.write();
            if layers.leaving.is_none() && layers.newest.memory_len() > memory_max {
                let following = layers.newest.following();
                layers.leaving = Some(Arc::new(mem::replace(&mut layers.newest, following)));
            }
            layers.leaving.clone()
        };
        let Some(leaving) = leaving else { return Ok(()) };
        let into = file.clone();
        let new = on_a_waiting_thread(move || {
            let [sorted, recent] = leaving.entries();
            Run::write(&into, merged(sorted.map(Ok), recent.map(Ok)), leaving.lows().clone())
        });
        let new = new.await?;
        let mut layers = self.0.write();
        layers.runs.push(Arc::new(new));
        layers.leaving = None;
        layers.stay_apart = false;
        Ok(())
    }

    /// Merges two neighbours, the newest first, where the older is less than twice as long as the newer, and says whether there
    /// were such. Where it fails, all stay apart until there is another run. It returns as soon as the index has changed, too.
    pub(super) async fn merge_two(&self, file: &IndexFile) -> io::Result<bool> {
        let Some((at, [earlier, later])) = self.unbalanced() else { return Ok(false) };
        let into = file.clone();
        let both = on_a_waiting_thread(move || earlier.merged_with(&later, &into)).await;
        let mut layers = self.0.write();
        match both {
            Ok(both) => {
                let merged: Vec<_> = layers.runs.splice(at..at + 2, [Arc::new(both)]).collect();
                drop(layers);
                drop(merged);
                Ok(true)
            }
            Err(error) => {
                layers.stay_apart = true;
                Err(error)
            }
        }
    }

    /// How many runs there are.
    #[cfg(test)]
    pub(super) fn runs(&self) -> usize {
        self.0.read().runs.len()
    }

    /// Puts another byte into the oldest run.
    #[cfg(test)]
    pub(super) fn damage(&self) {
        self.0.read().runs[0].damage();
    }

    /// The newest two runs that are to be one, and the place of the first.
    fn unbalanced(&self) -> Option<(usize, [Arc<Run>; 2])> {
        let layers = self.0.read();
        let are_to_be_one = |two: &[Arc<Run>]| two[0].len() < 2 * two[1].len();
        let at = layers.runs.windows(2).rposition(are_to_be_one).filter(|_| !layers.stay_apart)?;
        Some((at, [Arc::clone(&layers.runs[at]), Arc::clone(&layers.runs[at + 1])]))
    }
}

fn plan_of_runs(runs: &[Arc<Run>], lsn: Lsn, pages: Vec<PageIndex>) -> io::Result<Vec<Planned>> {
    let mut finders: Vec<_> = runs.iter().rev().map(|run| run.finder()).collect();
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
