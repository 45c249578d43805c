//! Ingest: from the body of `write_pages` to stored and registered segments.
//!
//! [`decoder`] turns bytes into runs of pages as they arrive; [`seal`] compresses and hashes them; [`queue`] decides which
//! runs share a segment and when it goes out; [`upload`] has it sealed and stored, and registered meanwhile;
//! [`registrar`] shares one call to the metastore among the segments that wait for one. [`budget`] bounds the memory of
//! all of them.
//!
//! What a push costs: one copy of each page (socket to run), one compression of it and one hash, one PUT a segment and one
//! call to the metastore, both at the same time and both shared with the pushes that waited together.
//!
//! Invariants:
//! - The answer goes out when every segment of the request is stored and registered, never before.
//! - Nothing waits for a timer while no upload is under way: a run is sealed at once. Beside one, a small batch goes out where
//!   uploads take long, and beside two it does not.
//! - A run that was taken never waits for its request: what is in the queue goes out whatever the client does.

pub(crate) mod budget;
pub(crate) mod decoder;
mod queue;
mod registrar;
mod seal;
mod upload;

#[cfg(test)]
mod tests;

pub(crate) use queue::{Ingest, RequestNumber, Stored};
pub(crate) use registrar::Registrar;
pub(crate) use seal::{SealCounts, Sealer};
pub(crate) use upload::{Upload, UploadError};
