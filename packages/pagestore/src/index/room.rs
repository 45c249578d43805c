//! How the volume indexes make room: which of them leave memory, and how. A pure decision.
//!
//! What was not used the longest goes first. An index with many versions is moved to the index file, where they are still
//! found, if more slowly; one with few is dropped, since its log is quickly read again. So long ones that are all in
//! use share the memory, and do not drive one another out; short ones do, where there are too many. One that lies in the file
//! is dropped only where the rest of it in memory, an entry a block, adds up: it is little, and all of the volume's log would
//! have to be read again.

/// Versions of fewer bytes than these, some 1,000 to 4,000, are not worth a first run in the file: their log is read again within
/// milliseconds.
pub(super) const RUN_MIN: usize = 64 * 1024;
/// The same where the index has runs already.
const FURTHER_RUN_MIN: usize = 4096;
/// The part of the memory that all indexes may take with what stays of them when they have moved.
const STAYING_PART: usize = 2;
/// What an index costs beside its versions.
const SLOT_BYTES: usize = 256;

/// Bytes of memory that an index takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Holding {
    /// With versions that are in no run, and can be moved to the file.
    pub(super) versions: usize,
    /// With what it keeps of its runs.
    pub(super) runs: usize,
}

impl Holding {
    /// With everything.
    pub(super) fn total(&self) -> usize {
        SLOT_BYTES + self.versions + self.runs
    }

    fn is_in_file(&self) -> bool {
        self.runs > 0
    }

    fn is_worth_a_run(&self) -> bool {
        self.versions >= if self.is_in_file() { FURTHER_RUN_MIN } else { RUN_MIN }
    }

    /// With what stays when all that is worth it has moved.
    fn staying(&self) -> usize {
        self.total() - if self.is_worth_a_run() { self.versions } else { 0 }
    }
}

/// What is done with an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Its versions are moved to the file.
    Move,
    /// It is dropped.
    Drop,
}

/// The steps to take, until there is room: each with the number of its index in `by_age`, where the least recently used comes first.
/// All of them leave half of the memory free, but for what the runs keep that are made by them, and for what is passed by.
pub(super) fn steps(by_age: &[Holding], memory_max: usize) -> impl Iterator<Item = (usize, Step)> {
    let in_file = by_age.iter().filter(|holding| holding.is_in_file());
    let mut staying: usize = in_file.map(Holding::staying).sum();
    by_age.iter().enumerate().filter_map(move |(number, holding)| {
        let step = if holding.is_in_file() && staying > memory_max / STAYING_PART {
            staying -= holding.staying();
            Step::Drop
        } else if holding.is_worth_a_run() {
            Step::Move
        } else if holding.is_in_file() {
            return None;
        } else {
            Step::Drop
        };
        Some((number, step))
    })
}

#[cfg(test)]
mod tests {
    use super::{
        Step::{Drop, Move},
        *,
    };

    /// The steps for indexes with these bytes of versions and of runs.
    fn steps_of(by_age: &[(usize, usize)], memory_max: usize) -> Vec<(usize, Step)> {
        let by_age: Vec<_> = by_age.iter().map(|&(versions, runs)| Holding { versions, runs }).collect();
        steps(&by_age, memory_max).collect()
    }

    #[test]
    fn short_indexes_are_dropped_and_long_ones_move_in_the_order_of_their_age() {
        let by_age = [(RUN_MIN - 1, 0), (RUN_MIN, 0), (100, 0), (10 * RUN_MIN, 0)];
        assert_eq!(steps_of(&by_age, 1000), [(0, Drop), (1, Move), (2, Drop), (3, Move)]);
    }

    #[test]
    fn an_index_in_the_file_moves_what_is_worth_it_and_stays() {
        let by_age = [(4095, 10), (4096, 10), (1_000_000, 10), (0, 10)];
        assert_eq!(steps_of(&by_age, 100_000), [(1, Move), (2, Move)]);
    }

    #[test]
    fn where_what_stays_takes_half_of_the_memory_the_oldest_in_the_file_are_dropped() {
        let by_age = [(744, 1000), (100, 0), (5000, 1744), (0, 2744), (5000, 744)];
        // Staying are 2000, 2000, 3000 and 1000 bytes.
        assert_eq!(steps_of(&by_age, 16_000), [(1, Drop), (2, Move), (4, Move)]);
        assert_eq!(steps_of(&by_age, 15_998), [(0, Drop), (1, Drop), (2, Move), (4, Move)]);
        assert_eq!(steps_of(&by_age, 11_998), [(0, Drop), (1, Drop), (2, Drop), (4, Move)]);
        assert_eq!(steps_of(&by_age, 0), [0, 1, 2, 3, 4].map(|number| (number, Drop)));
    }
}
