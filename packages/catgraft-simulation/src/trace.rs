//! Everything that happened in one simulation, in order: a hash of it, and the text where somebody wants to read it.

use std::fmt::{Arguments, Write as _};

use blake3::Hasher;
use parking_lot::Mutex;
use tokio::time::Instant;

/// What happened so far.
pub(crate) struct Trace {
    start: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    hash: Hasher,
    line: String,
    /// None where nobody wants to read it.
    lines: Option<Vec<String>>,
}

impl Trace {
    /// Nothing happened yet.
    pub(crate) fn new(keep_lines: bool) -> Self {
        let inner = Inner { hash: Hasher::new(), line: String::new(), lines: keep_lines.then(Vec::new) };
        Self { start: Instant::now(), inner: Mutex::new(inner) }
    }

    /// Something happened.
    pub(crate) fn tell(&self, event: Arguments<'_>) {
        let mut inner = self.inner.lock();
        let Inner { hash, line, lines } = &mut *inner;
        line.clear();
        let at = self.start.elapsed().as_secs_f64();
        write!(line, "{at:10.3} {event}").expect("writing to memory does not fail");
        hash.update(line.as_bytes());
        if let Some(lines) = lines {
            lines.push(line.clone());
        }
    }

    /// The hash of all that happened.
    pub(crate) fn hash(&self) -> u64 {
        let hash = self.inner.lock().hash.finalize();
        let (first, _) = hash.as_bytes().split_first_chunk().expect("a hash has more than eight bytes");
        u64::from_le_bytes(*first)
    }

    /// The text, where it was kept.
    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.inner.lock().lines.take().unwrap_or_default()
    }

    /// When it began.
    pub(crate) fn start(&self) -> Instant {
        self.start
    }
}
