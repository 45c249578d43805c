//! The trait that every backend and every decorator implements.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    error::{Error, Verb},
    key::{KeyPrefix, ObjectKey},
    payload::Payload,
};

/// What a store tells about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Its name.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub len: u64,
}

/// Requests that a store sent beyond those that it was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtraRequests {
    /// Sent again because the one before failed.
    pub repeats: u64,
    /// Sent beside one whose answer was late.
    pub hedges: u64,
}

/// A store of immutable objects. Use it as `Arc<dyn ObjectStore>`.
///
/// Every call may fail with [`Error::Unavailable`], [`Error::Denied`] or [`Error::Internal`]; only further errors are
/// told below. Backends repeat a failed request a few times on their own where that is cheap. A call whose future is
/// dropped may or may not have had its effect.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Stores a whole object: all of it or nothing becomes visible, and it is durable when this returns. An object that
    /// has this key is replaced; callers only ever do that with the same content.
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error>;

    /// Reads exactly `range`, which must hold a byte. [`Error::NotFound`], [`Error::Short`].
    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error>;

    /// Reads a whole object. [`Error::NotFound`].
    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error>;

    /// Asks for an object's length. [`Error::NotFound`].
    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, Error>;

    /// Removes an object. That it was not there is no error.
    async fn delete(&self, key: &ObjectKey) -> Result<(), Error>;

    /// Lists the keys under a prefix in ascending order, from the first one past `after` on, at most `limit`. Fewer than
    /// `limit` means that there are no more. Objects that are not ours are left out. The answer may be older than the
    /// last `put` or `delete`.
    async fn list(&self, prefix: KeyPrefix, after: Option<&ObjectKey>, limit: usize) -> Result<Vec<ObjectMeta>, Error>;

    /// Asks cheaply whether the store is there and lets us in.
    async fn probe(&self) -> Result<(), Error>;

    /// How many requests for a verb this store, and those inside of it, sent beyond those that were asked for. A
    /// decorator passes the question on.
    fn extra_requests(&self, _verb: Verb) -> ExtraRequests {
        ExtraRequests::default()
    }
}
