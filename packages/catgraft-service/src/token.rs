//! Tokens: PASETO v4.local, made with one symmetric key that whoever validates them has too.
//!
//! Claims are `sub`, `iat`, `nbf`, optionally `exp`, and optionally `role`, which the calls between the two services
//! ask for. A token without `exp` is valid for ever. Time is a parameter.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    hint::black_box,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use catgraft_core::Timestamp;
use parking_lot::RwLock;
use pasetors::{
    Local,
    keys::SymmetricKey,
    token::UntrustedToken,
    version4::{LocalToken, V4},
};
use rand::TryRngCore;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Most tokens whose decryption is remembered. Every client has one, and polls once a second with it.
const CACHE_LEN_MAX: usize = 1024;
/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;

/// What a token permits beyond the calls that every token permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The calls that pagestores make to metastores.
    Pagestore,
}

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "pagestore" => Ok(Role::Pagestore),
            _ => Err(UnknownRole),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Pagestore => "pagestore",
        })
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the only role is \"pagestore\"")]
pub struct UnknownRole;

/// Who a token belongs to and what it permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who: free text.
    pub subject: String,
    /// What it permits beyond the usual.
    pub role: Option<Role>,
}

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Another length than 64.
    #[error("a key is 64 hex digits, this has {0} characters")]
    Length(usize),
    /// Something else than hex digits. (It is not repeated: it may be most of a key.)
    #[error("a key is 64 hex digits, this has other characters")]
    Digits,
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has not the form of a PASETO v4.local token.
    #[error("it is not a PASETO v4.local token")]
    Malformed,
    /// It was made with another key, or changed.
    #[error("it was made with another key, or was changed")]
    WrongKey,
    /// Its `exp` has passed.
    #[error("it has expired")]
    Expired,
    /// Its `nbf` has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It lacks a claim, or one of them cannot be read.
    #[error("its claims cannot be read")]
    Claims,
}

/// The claims as they stand in a token.
#[derive(Serialize, Deserialize)]
struct WireClaims {
    sub: String,
    iat: jiff::Timestamp,
    nbf: jiff::Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<jiff::Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
}

/// A token that was decrypted: what is left to check is the time.
struct Opened {
    token: String,
    claims: Arc<Claims>,
    not_before_ms: i64,
    expires_ms: Option<i64>,
}

impl Opened {
    fn claims_at(&self, now: Timestamp) -> Result<Arc<Claims>, TokenError> {
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        if now_ms < self.not_before_ms {
            return Err(TokenError::NotYetValid);
        }
        if self.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
            return Err(TokenError::Expired);
        }
        Ok(self.claims.clone())
    }
}

/// The key that tokens are made and validated with.
pub struct TokenKey {
    key: SymmetricKey<V4>,
    /// By a hash that nobody outside can work out.
    opened: RwLock<HashMap<u64, Opened>>,
    hasher: RandomState,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

impl TokenKey {
    /// The key that these 64 hex digits are.
    pub fn from_hex(text: &Secret) -> Result<Self, KeyError> {
        let digits = text.expose();
        if digits.chars().count() != 2 * KEY_BYTES {
            return Err(KeyError::Length(digits.chars().count()));
        }
        let bytes = hex::decode(digits).map_err(|_| KeyError::Digits)?;
        let key = SymmetricKey::from(&bytes).expect("64 hex digits are a key of 32 bytes");
        Ok(Self { key, opened: RwLock::default(), hasher: RandomState::new() })
    }

    /// A token that is valid from `now` on, and for `expires` if that is given.
    pub fn issue(&self, subject: &str, role: Option<Role>, expires: Option<Duration>, now: Timestamp) -> String {
        let from = to_jiff(now.as_millis());
        let exp = expires.map(|expires| {
            let ms = u64::try_from(expires.as_millis()).unwrap_or(u64::MAX);
            to_jiff(now.as_millis().saturating_add(ms))
        });
        let claims = WireClaims { sub: subject.to_owned(), iat: from, nbf: from, exp, role };
        let payload = serde_json::to_vec(&claims).expect("claims are texts");
        LocalToken::encrypt(&self.key, &payload, None, None).expect("the payload is not empty")
    }

    /// Who the token belongs to, if it is good at this moment.
    pub fn validate(&self, token: &str, now: Timestamp) -> Result<Arc<Claims>, TokenError> {
        let hash = self.hasher.hash_one(token);
        if let Some(opened) = self.opened.read().get(&hash).filter(|opened| is_same(&opened.token, token)) {
            return opened.claims_at(now);
        }
        let opened = self.open(token)?;
        let claims = opened.claims_at(now)?;
        let mut cache = self.opened.write();
        if cache.len() >= CACHE_LEN_MAX {
            cache.clear();
        }
        cache.insert(hash, opened);
        Ok(claims)
    }

    fn open(&self, token: &str) -> Result<Opened, TokenError> {
        // One with an empty footer would be another text for the same token.
        if token.len() > TOKEN_BYTES_MAX || token.ends_with('.') {
            return Err(TokenError::Malformed);
        }
        let untrusted = UntrustedToken::<Local, V4>::try_from(token).map_err(|_| TokenError::Malformed)?;
        let trusted = LocalToken::decrypt(&self.key, &untrusted, None, None).map_err(|_| TokenError::WrongKey)?;
        let wire: WireClaims = serde_json::from_str(trusted.payload()).map_err(|_| TokenError::Claims)?;
        Ok(Opened {
            token: token.to_owned(),
            claims: Arc::new(Claims { subject: wire.sub, role: wire.role }),
            not_before_ms: wire.nbf.as_millisecond(),
            expires_ms: wire.exp.map(|exp| exp.as_millisecond()),
        })
    }
}

/// Are these the same, in time that does not tell where they differ? (Whether a tag is right, the library compares so too:
/// `Blake2b::verify` of orion.)
fn is_same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && black_box(pairs.fold(0, |differs, (a, b)| black_box(differs | (a ^ b)))) == 0
}

/// A new key from the operating system's random numbers, as 64 hex digits.
pub fn generate_key() -> Secret {
    let mut bytes = [0u8; KEY_BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).expect("the operating system has random numbers");
    Secret::new(hex::encode(bytes))
}

/// A moment beyond what RFC 3339 can say is its last.
fn to_jiff(ms: u64) -> jiff::Timestamp {
    i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or(jiff::Timestamp::MAX)
}
