//! Which pages each commit of a volume writes, and what is in them: a pure function of a few numbers, so that a volume
//! needs no record of itself and any page of any LSN can be checked byte for byte.
//!
//! The first commit writes every page. Each later one writes a few, spread over the volume; all pages have
//! their turn before the first of them comes again, in an order that changes from round to round. Half of a page is random and
//! half is zeros, so that compression has something to do and something that resists it.

#[cfg(test)]
mod tests;

use catgraft_core::PAGE_SIZE;

use crate::Error;

/// Random bytes of a page, at its beginning; the rest is zeros.
const RANDOM_BYTES: usize = PAGE_SIZE / 2;

/// How the commits of a volume follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    seed: u64,
    pages: u32,
    pages_per_commit: u32,
    /// Step from one page to the next, without a common factor with the number of pages.
    stride: u64,
    /// What undoes the step.
    inverse: u64,
}

impl Schedule {
    /// A volume of so many pages, of which each commit after the first writes some.
    pub fn new(seed: u64, pages: u32, pages_per_commit: u32) -> Result<Self, Error> {
        if pages == 0 || pages_per_commit == 0 || pages_per_commit > pages {
            return Err(Error::Setting(format!(
                "a commit of {pages_per_commit} pages in a volume of {pages}: a commit writes at least 1 page and at \
                 most all"
            )));
        }
        let modulus = u64::from(pages);
        // Near the golden section, so that neighbours in time are far apart in the volume.
        let mut stride = (modulus * 618_034 / 1_000_000).max(1);
        while greatest_common_divisor(stride, modulus) != 1 {
            stride += 1;
        }
        Ok(Self { seed, pages, pages_per_commit, stride, inverse: inverse(stride, modulus) })
    }

    /// Pages of the volume.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Pages that each commit after the first writes.
    pub fn pages_per_commit(&self) -> u32 {
        self.pages_per_commit
    }

    /// The seed of the order and of the contents.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The pages that a commit writes, in ascending order.
    pub fn commit(&self, lsn: u64) -> Vec<u32> {
        let Some(turn) = lsn.checked_sub(2) else { return (1..=self.pages).collect() };
        let (round, place) = (turn / self.turns(), turn % self.turns());
        let first = place * u64::from(self.pages_per_commit);
        let places = first..first + u64::from(self.pages_per_commit);
        let mut pages: Vec<u32> = places.map(|place| self.page_at(round, place)).collect();
        pages.sort_unstable();
        pages
    }

    /// How many commits from this LSN on, itself included, write no page twice.
    pub fn commits_without_overlap(&self, lsn: u64) -> u64 {
        match lsn.checked_sub(2) {
            None => 1,
            Some(turn) => self.turns() - turn % self.turns(),
        }
    }

    /// The LSN of the newest commit at or below `lsn` that wrote the page.
    pub fn version(&self, page: u32, lsn: u64) -> u64 {
        let Some(turn_last) = lsn.checked_sub(2) else { return 1 };
        for round in (0..=turn_last / self.turns()).rev() {
            let modulus = u64::from(self.pages);
            let distance = (u64::from(page - 1) + modulus - self.offset(round)) % modulus;
            let place = distance * self.inverse % modulus / u64::from(self.pages_per_commit);
            let turn = round * self.turns() + place;
            if place < self.turns() && turn <= turn_last {
                return turn + 2;
            }
        }
        1
    }

    /// Fills the bytes of a page as the commit with this LSN wrote it.
    pub fn fill(&self, page: u32, version: u64, data: &mut [u8]) {
        let (random, zeros) = data.split_at_mut(RANDOM_BYTES);
        for (word, number) in random.chunks_exact_mut(8).zip(self.words(page, version)) {
            word.copy_from_slice(&number.to_le_bytes());
        }
        zeros.fill(0);
    }

    /// Is this the page as the commit with this LSN wrote it?
    pub fn is_page(&self, page: u32, version: u64, data: &[u8]) -> bool {
        let Some((random, zeros)) = data.split_at_checked(RANDOM_BYTES) else { return false };
        data.len() == PAGE_SIZE
            && random.chunks_exact(8).zip(self.words(page, version)).all(|(word, number)| word == number.to_le_bytes())
            && zeros.iter().all(|byte| *byte == 0)
    }

    /// The numbers that the random half of a page is made of.
    fn words(&self, page: u32, version: u64) -> impl Iterator<Item = u64> + use<> {
        let begin = mix(mix(self.seed ^ u64::from(page)) ^ version);
        (0..).map(move |place: u64| mix(begin.wrapping_add(place)))
    }

    /// Commits of a round.
    fn turns(&self) -> u64 {
        u64::from(self.pages / self.pages_per_commit)
    }

    fn page_at(&self, round: u64, place: u64) -> u32 {
        let index = (place * self.stride + self.offset(round)) % u64::from(self.pages);
        u32::try_from(index).expect("below the number of pages") + 1
    }

    fn offset(&self, round: u64) -> u64 {
        mix(self.seed ^ round.rotate_left(32)) % u64::from(self.pages)
    }
}

/// Scatters a number over all numbers (splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The number that, multiplied with this one, leaves 1; they have no common factor.
fn inverse(number: u64, modulus: u64) -> u64 {
    let modulus = i128::from(modulus);
    let (mut rest, mut next) = (modulus, i128::from(number) % modulus.max(1));
    let (mut factor, mut factor_next) = (0i128, 1i128);
    while next != 0 {
        let times = rest / next;
        (rest, next) = (next, rest - times * next);
        (factor, factor_next) = (factor_next, factor - times * factor_next);
    }
    u64::try_from(factor.rem_euclid(modulus)).expect("below the modulus")
}
