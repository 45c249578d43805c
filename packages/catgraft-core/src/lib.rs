//! The words of the house as types: ids, LSNs, pages, page sets, byte sizes, limits, and the clock
//! and id source that everything else is handed.
//!
//! No I/O, no async, and nothing of ours below it. Past a decoder there are no bare integers or byte
//! strings: a value of one of these types is valid by construction.

mod byte_size;
mod clock;
mod gid;
pub mod limits;
mod lsn;
mod page;
pub mod page_set;

pub use byte_size::{ByteSize, ByteSizeError};
pub use clock::{Clock, IdSource, RandomIds, SystemClock, Timestamp};
pub use gid::{ClientId, GidError, SegmentId, VolumeId};
pub use lsn::{Lsn, LsnError, LsnRange};
pub use page::{PAGE_SIZE, Page, PageCount, PageError, PageIndex};
pub use page_set::{DecodeError as PageSetError, PageSet, Union as PageSetUnion};
