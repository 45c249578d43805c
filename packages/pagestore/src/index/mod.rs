//! The volume index: for every page of a volume its versions, from the commits that the metastore tells.
//!
//! [`versions`] is the index of one volume, pure; [`volumes`] keeps the indexes that are in use, has them
//! extended by the commits they have not seen, and drops those that were not asked for the longest.

#[cfg(test)]
mod tests;
mod versions;
mod volumes;

pub(crate) use versions::Versions;
pub(crate) use volumes::{IndexError, VolumeIndexes};
