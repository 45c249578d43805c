//! The clock and the id source that everything else is handed, so that tests decide both.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::gid::{ClientId, RANDOM_LEN, SegmentId, VolumeId};

/// A moment: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment this many milliseconds after the epoch.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The moment so much earlier; the epoch where there is none.
    pub const fn minus(self, time: Duration) -> Self {
        // Times that do not fit reach behind the epoch.
        let ms = time.as_millis();
        Self(if ms > self.0 as u128 { 0 } else { self.0 - ms as u64 })
    }

    /// The same moment for the standard library.
    pub fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0)
    }
}

/// Tells the time of day. Intervals and time-outs are tokio's business, not this one's.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Makes new ids.
pub trait IdSource: Send + Sync + 'static {
    /// The random part of the next id.
    fn random(&self) -> [u8; RANDOM_LEN];

    /// A new volume id.
    fn volume_id(&self, at: Timestamp) -> VolumeId {
        VolumeId::from_parts(at, self.random())
    }

    /// A new segment id.
    fn segment_id(&self, at: Timestamp) -> SegmentId {
        SegmentId::from_parts(at, self.random())
    }

    /// A new client id.
    fn client_id(&self, at: Timestamp) -> ClientId {
        ClientId::from_parts(at, self.random())
    }
}

/// Ids from the operating system's random numbers: a segment id must not be guessable, because only a
/// client that was told one can name it in a commit.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for random ids")]
    fn random(&self) -> [u8; RANDOM_LEN] {
        rand::random()
    }
}
