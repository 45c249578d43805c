//! Request ids: the caller's own where it is sane, otherwise the next of ours.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, in requests and answers.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken over from a caller.
const LEN_MAX: usize = 64;

/// What one request is called in logs here and at the caller's: visible ASCII, at most 64 characters.
#[derive(Debug, Clone)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    pub(super) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// Counts up from a random number, so that ids of different processes do not meet.
pub(super) struct RequestIds(AtomicU64);

impl RequestIds {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(RandomState::new().hash_one("request ids")))
    }

    /// The caller's id, or a new one where there is none or it is not sane.
    pub(super) fn of(&self, headers: &HeaderMap) -> RequestId {
        match headers.get(&HEADER) {
            Some(value) if is_sane(value.as_bytes()) => RequestId(value.clone()),
            _ => self.next(),
        }
    }

    fn next(&self) -> RequestId {
        let mut text = [0u8; 16];
        hex::encode_to_slice(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes(), &mut text)
            .expect("eight bytes are sixteen hex digits");
        RequestId(HeaderValue::from_bytes(&text).expect("hex digits are a header value"))
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=LEN_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}
