//! The volume index: for every page of a volume its versions, from the commits that the metastore tells.
//!
//! [`logged`] is a commit as it is told, taken apart; [`versions`] are those of some commits in memory, pure; [`stored`] those of
//! older ones in a file; [`volume`] is the index of one volume, of both; [`volumes`] keeps the indexes that are in use, has
//! them extended by the commits they have not seen, and drops those that were not asked for the longest.

mod logged;
mod stored;
#[cfg(test)]
mod tests;
mod versions;
mod volume;
mod volumes;

pub(crate) use volume::Planned;
pub(crate) use volumes::{IndexError, VolumeIndexes};
