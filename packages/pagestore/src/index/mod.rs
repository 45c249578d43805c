//! The volume index: for every page of a volume its versions, from the commits that the metastore tells.
//!
//! [`logged`] is a commit as it is told, taken apart; [`versions`] are those of some commits in memory, pure; a [`run`] is those of
//! older ones in the [`mod@file`] that all volumes share; [`volume`] is the index of one volume, of both. [`slots`] are the
//! indexes that are in use; [`volumes`] has them extended by the commits they have not seen, and keeps them within the
//! memory there is, as [`room`] decides.

mod file;
mod logged;
mod room;
mod run;
mod slots;
#[cfg(test)]
mod tests;
mod versions;
mod volume;
mod volumes;

pub(crate) use volume::Planned;
pub(crate) use volumes::{IndexError, VolumeIndexes};
