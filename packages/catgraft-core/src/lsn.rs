//! LSNs: the numbers of a volume's commits, and ranges of them.

#[cfg(test)]
mod tests;

use std::{fmt, num::NonZeroU64};

/// Number of a commit of one volume: 1, 2, 3 … without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(NonZeroU64);

/// Why a number or a pair of numbers is not an LSN or a range of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LsnError {
    /// LSNs count from 1.
    #[error("LSN 0 does not exist: LSNs count from 1")]
    Zero,
    /// Nothing comes after the last number.
    #[error("no LSN comes after {0}")]
    Exhausted(Lsn),
    /// The end of a range lies before its start.
    #[error("the LSN range ends at {end}, before its start {start}")]
    Backwards {
        /// First LSN of the range.
        start: Lsn,
        /// Last LSN of the range.
        end: Lsn,
    },
}

impl Lsn {
    /// The first commit of every volume.
    pub const FIRST: Lsn = Lsn(NonZeroU64::MIN);

    /// The LSN with this number.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The LSN after this one.
    pub fn next(self) -> Result<Self, LsnError> {
        self.0.checked_add(1).map(Self).ok_or(LsnError::Exhausted(self))
    }

    /// The LSN before this one; none before the first.
    pub fn previous(self) -> Option<Self> {
        Self::new(self.get() - 1)
    }
}

impl TryFrom<u64> for Lsn {
    type Error = LsnError;
    fn try_from(number: u64) -> Result<Self, LsnError> {
        Self::new(number).ok_or(LsnError::Zero)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A range of LSNs, both ends inclusive; without an end it reaches to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LsnRange {
    start: Lsn,
    end: Option<Lsn>,
}

impl LsnRange {
    /// The range from `start` to `end`, or to the head. An end before the start is refused.
    pub fn new(start: Lsn, end: Option<Lsn>) -> Result<Self, LsnError> {
        match end {
            Some(end) if end < start => Err(LsnError::Backwards { start, end }),
            end => Ok(Self { start, end }),
        }
    }

    /// First LSN of the range.
    pub fn start(&self) -> Lsn {
        self.start
    }

    /// Last LSN of the range; none means the head.
    pub fn end(&self) -> Option<Lsn> {
        self.end
    }
}
