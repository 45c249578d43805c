//! The naive model of a volume: every commit keeps all of its pages. Slow, large, and too simple to be wrong.

use std::collections::BTreeMap;

use bytes::Bytes;
use catgraft_core::{Lsn, PAGE_SIZE, PageCount, PageIndex, PageSet};
use rand::{RngCore, SeedableRng, rngs::SmallRng};

/// The content of a page, made from a number: half random and half of one byte, as pages of databases are.
pub fn page_content(seed: u64) -> Bytes {
    let mut content = vec![seed as u8; PAGE_SIZE];
    SmallRng::seed_from_u64(seed).fill_bytes(&mut content[..PAGE_SIZE / 2]);
    Bytes::from(content)
}

/// In what pages that were read differ from those of the model: the number of the first such page, and how.
pub type PageDifference = (u32, &'static str);

/// Compares pages that were read, by number and content, with the seeds of those that must be there, byte for byte.
pub fn compare_pages(
    mut expected: BTreeMap<PageIndex, u64>,
    found: impl IntoIterator<Item = (u32, Bytes)>,
) -> Result<(), PageDifference> {
    for (number, content) in found {
        match PageIndex::new(number).and_then(|page| expected.remove(&page)) {
            None => return Err((number, "is there and should not be, or is there twice")),
            Some(seed) if content != page_content(seed) => return Err((number, "has other bytes than were committed")),
            Some(_) => {}
        }
    }
    expected.into_keys().next().map_or(Ok(()), |page| Err((page.get(), "is lost")))
}

/// A volume at one LSN.
#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    page_count: PageCount,
    /// Seed of each page that has content.
    pages: BTreeMap<PageIndex, u64>,
    /// The pages that the commit changed.
    changed: PageSet,
}

/// A volume at all of its LSNs.
#[derive(Debug, Clone, Default)]
pub struct VolumeModel {
    states: Vec<State>,
}

impl VolumeModel {
    /// Commits pages, by the seeds of their contents, and says the LSN. Pages beyond the page count, old and new, are gone.
    pub fn commit(&mut self, page_count: PageCount, pages: &BTreeMap<PageIndex, u64>) -> Lsn {
        let mut state = self.states.last().cloned().unwrap_or_default();
        state.page_count = page_count;
        state.pages.extend(pages);
        state.pages.retain(|page, _| page_count.contains(*page));
        state.changed = pages.keys().copied().collect();
        self.states.push(state);
        self.head().expect("there is a commit now")
    }

    /// The newest LSN.
    pub fn head(&self) -> Option<Lsn> {
        Lsn::new(self.states.len() as u64)
    }

    /// The page count at an LSN.
    pub fn page_count(&self, lsn: Lsn) -> Option<PageCount> {
        self.state(lsn).map(|state| state.page_count)
    }

    /// The seed of a page's content at an LSN.
    pub fn page(&self, lsn: Lsn, page: PageIndex) -> Option<u64> {
        self.state(lsn)?.pages.get(&page).copied()
    }

    /// The pages that have content at an LSN, with their seeds.
    pub fn pages(&self, lsn: Lsn) -> BTreeMap<PageIndex, u64> {
        self.state(lsn).map(|state| state.pages.clone()).unwrap_or_default()
    }

    /// The pages that changed from one LSN to another, both included.
    pub fn changed(&self, start: Lsn, end: Lsn) -> PageSet {
        let mut changed = PageSet::new();
        for number in start.get()..=end.get() {
            if let Some(state) = Lsn::new(number).and_then(|lsn| self.state(lsn)) {
                changed.union_with(&state.changed);
            }
        }
        changed
    }

    fn state(&self, lsn: Lsn) -> Option<&State> {
        self.states.get(usize::try_from(lsn.get() - 1).ok()?)
    }
}
