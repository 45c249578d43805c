//! Graft ids (GID): 16 bytes that name a volume, a segment or a client.
//!
//! Layout, from the Graft v1 protocol: 1 prefix byte, 48-bit big-endian milliseconds since the Unix
//! epoch, 72 random bits. The text form is base58 (Bitcoin alphabet) and always 22 characters long,
//! because every prefix has its top bit set.

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use crate::clock::Timestamp;

/// Length of an id in bytes.
const LEN: usize = 16;
/// Length of an id's text form in characters.
const TEXT_LEN: usize = 22;
/// Random bytes at the end of an id.
pub(crate) const RANDOM_LEN: usize = 9;
const TIMESTAMP_MAX_MS: u64 = (1 << 48) - 1;

/// Why bytes or text are not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GidError {
    /// The byte form has another length than 16.
    #[error("a {kind} id has 16 bytes, this has {len}")]
    Length {
        /// Which id was expected.
        kind: &'static str,
        /// Bytes given.
        len: usize,
    },
    /// The first byte belongs to another kind of id, or to none.
    #[error("a {kind} id begins with byte {expected:#04x}, this with {found:#04x}")]
    Prefix {
        /// Which id was expected.
        kind: &'static str,
        /// Its prefix.
        expected: u8,
        /// The byte found.
        found: u8,
    },
    /// The text is not 22 characters of base58.
    #[error("a {kind} id is 22 characters of base58, this is {text:?}")]
    Text {
        /// Which id was expected.
        kind: &'static str,
        /// What was given, shortened.
        text: String,
    },
}

fn from_bytes(kind: &'static str, prefix: u8, bytes: &[u8]) -> Result<[u8; LEN], GidError> {
    let array: [u8; LEN] = bytes.try_into().map_err(|_| GidError::Length { kind, len: bytes.len() })?;
    if array[0] != prefix {
        return Err(GidError::Prefix { kind, expected: prefix, found: array[0] });
    }
    Ok(array)
}

fn from_text(kind: &'static str, prefix: u8, text: &str) -> Result<[u8; LEN], GidError> {
    let refuse = || GidError::Text { kind, text: text.chars().take(40).collect() };
    if text.len() != TEXT_LEN {
        return Err(refuse());
    }
    let mut array = [0u8; LEN];
    match bs58::decode(text).onto(&mut array) {
        Ok(LEN) => from_bytes(kind, prefix, &array),
        _ => Err(refuse()),
    }
}

fn assemble(prefix: u8, at: Timestamp, random: [u8; RANDOM_LEN]) -> [u8; LEN] {
    let mut array = [0u8; LEN];
    array[0] = prefix;
    array[1..7].copy_from_slice(&at.as_millis().min(TIMESTAMP_MAX_MS).to_be_bytes()[2..]);
    array[7..].copy_from_slice(&random);
    array
}

macro_rules! gid {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; LEN]);

        impl $name {
            /// The byte that every id of this kind begins with.
            pub const PREFIX: u8 = $prefix;

            /// The id made at a moment with these random bytes.
            pub fn from_parts(at: Timestamp, random: [u8; RANDOM_LEN]) -> Self {
                Self(assemble(Self::PREFIX, at, random))
            }

            /// The 16 bytes, as they go on the wire.
            pub fn as_bytes(&self) -> &[u8; LEN] {
                &self.0
            }

            /// When the id was made, to the millisecond; 0 for a derived id.
            pub fn created(&self) -> Timestamp {
                let mut ms = [0u8; 8];
                ms[2..].copy_from_slice(&self.0[1..7]);
                Timestamp::from_millis(u64::from_be_bytes(ms))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = GidError;
            fn try_from(bytes: &[u8]) -> Result<Self, GidError> {
                from_bytes($kind, Self::PREFIX, bytes).map(Self)
            }
        }

        impl FromStr for $name {
            type Err = GidError;
            fn from_str(text: &str) -> Result<Self, GidError> {
                from_text($kind, Self::PREFIX, text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&bs58::encode(&self.0).into_string())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

gid!(
    /// Names a volume.
    VolumeId, "volume", 0x80
);
gid!(
    /// Names a segment.
    SegmentId, "segment", 0xA0
);
gid!(
    /// Names a client, the writer of commits.
    ClientId, "client", 0xC0
);

impl ClientId {
    /// The client id that belongs to a name: timestamp 0, and the first 9 bytes of the name's BLAKE3
    /// hash. The same name gives the same id on every machine.
    pub fn derive(name: &str) -> Self {
        let hash = blake3::hash(name.as_bytes());
        let mut random = [0u8; RANDOM_LEN];
        random.copy_from_slice(&hash.as_bytes()[..RANDOM_LEN]);
        Self::from_parts(Timestamp::from_millis(0), random)
    }
}
