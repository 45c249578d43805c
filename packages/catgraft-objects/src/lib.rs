//! Object storage: the trait [`ObjectStore`], its keys, its backends and the decorators around them.
//!
//! Objects are immutable and named once: a key is written again only with the same content, so no
//! conditional request is needed and any S3-like store will do. Which text a key has is decided in `key`,
//! and nowhere else. This crate does not know what is inside an object, who asks for it, or why.

mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod counting;
mod error;
mod fs;
mod hedged;
mod key;
mod limited;
mod memory;
mod payload;
mod s3;
mod store;

#[cfg(test)]
mod tests;

pub use config::{ConfigError, ObjectStoreConfig, S3Config, open};
pub use counting::{Counting, Counts, VerbCounts};
pub use error::{BoxError, Error, Operation, Verb};
pub use fs::FsStore;
pub use hedged::Hedged;
pub use key::{KeyPrefix, ObjectKey};
pub use limited::{Limited, Limits};
pub use memory::MemoryStore;
pub use payload::Payload;
pub use s3::S3Store;
pub use store::{ExtraRequests, ObjectMeta, ObjectStore};
