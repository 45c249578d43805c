//! Object keys: the one place that knows how the things we store are laid out.
//!
//! A segment is `segments/<last two characters of its id>/<its id>`. Ids begin with the time, so their last
//! characters spread objects evenly, over folders on a disk and over partitions in S3.

use std::{fmt, str::FromStr, sync::Arc};

use catgraft_core::SegmentId;

const SEGMENTS: &str = "segments/";
/// Characters of an id that name its folder: 58² = 3364 folders.
const FOLDER_LEN: usize = 2;

/// Name of an object. Keys order like their text, which is also the order of [`list`](crate::ObjectStore::list).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);

impl ObjectKey {
    /// The key of a segment.
    pub fn segment(id: SegmentId) -> Self {
        let name = id.to_string();
        let folder = &name[name.len() - FOLDER_LEN..];
        Self(format!("{SEGMENTS}{folder}/{name}").into())
    }

    /// The segment that this key names.
    pub fn as_segment(&self) -> Option<SegmentId> {
        let (_folder, name) = self.0.strip_prefix(SEGMENTS)?.split_once('/')?;
        SegmentId::from_str(name).ok()
    }

    /// The key with this text; none where it is not one of ours, such as an object that somebody else left in the store.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let key = Self(text.into());
        (Self::segment(key.as_segment()?) == key).then_some(key)
    }

    /// The text of the key, as backends use it: `/` between folders, only ASCII letters and digits otherwise.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a listing is limited to: keys whose text begins with this.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyPrefix(&'static str);

impl KeyPrefix {
    /// Every object of ours.
    pub const ALL: KeyPrefix = KeyPrefix("");
    /// Every segment.
    pub const SEGMENTS: KeyPrefix = KeyPrefix(SEGMENTS);

    /// The text that keys begin with.
    pub fn as_str(&self) -> &str {
        self.0
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
