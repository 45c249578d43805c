//! A connection that ends when its client is too slow: with a request head, with taking an answer, or with a body that
//! nobody reads any more.
//!
//! The server below (actix-http) bounds the first request head of a connection and the time between two requests. It waits
//! for ever for a later head that comes byte by byte, for the rest of a chunked body whose request was refused, and for a
//! client that takes nothing of its answer. So time is kept here, where bytes move. Bodies that a handler reads are its
//! own affair ([`super::Body`]): only it knows whether it waits for the client or the client for it.

use std::{
    cell::Cell,
    future::Future,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

use super::{
    limits::Limits,
    pace::{Pace, Waited},
};
use crate::metrics::Gauge;

/// How long an idle connection is kept; above the 60 s after which load balancers give theirs up.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// When a connection between two requests ends that the server below did not end.
const IDLE_MAX: Duration = KEEP_ALIVE.saturating_add(Duration::from_secs(5));
/// Most bytes that the system keeps of an answer before they are sent: so much of it takes memory that nothing here
/// counts, and so much is taken at once by a client that looks as if it took nothing.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// What a connection is about, for it and for the requests on it.
#[derive(Debug)]
pub(super) struct Conduct {
    phase: Cell<Phase>,
    /// What was waited for in the present answer.
    sent: Cell<Waited>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// No request has come: the server below keeps the time.
    Fresh,
    /// A request is with its handler.
    Serving,
    /// The last answer is there, and perhaps still being sent. `since` is when it last moved; `first_byte` when the first
    /// byte after that came.
    Between { since: Instant, first_byte: Option<Instant> },
}

impl Conduct {
    fn new() -> Self {
        Self { phase: Cell::new(Phase::Fresh), sent: Cell::default() }
    }

    /// A request goes to its handler, until the guard is dropped.
    pub(super) fn serve(self: &Rc<Self>) -> Serving {
        self.phase.set(Phase::Serving);
        self.sent.set(Waited::default());
        Serving(Rc::clone(self))
    }

    /// Until when bytes of the client are waited for; none where somebody else keeps the time.
    fn deadline(&self, head_timeout: Duration) -> Option<Instant> {
        match self.phase.get() {
            Phase::Fresh | Phase::Serving => None,
            Phase::Between { first_byte: Some(first_byte), .. } => Some(first_byte + head_timeout),
            Phase::Between { since, first_byte: None } => Some(since + IDLE_MAX),
        }
    }

    /// Bytes of the client came. Are they the first after an answer?
    fn received(&self) -> bool {
        let Phase::Between { since, first_byte: None } = self.phase.get() else { return false };
        self.phase.set(Phase::Between { since, first_byte: Some(Instant::now()) });
        true
    }

    /// The client took bytes, after a wait or without one.
    fn took(&self, waited: Duration, bytes: usize) {
        let mut sent = self.sent.get();
        sent.moved(waited, bytes);
        self.sent.set(sent);
        if let Phase::Between { .. } = self.phase.get() {
            self.phase.set(Phase::Between { since: Instant::now(), first_byte: None });
        }
    }
}

/// A request that is with its handler.
pub(super) struct Serving(Rc<Conduct>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.phase.set(Phase::Between { since: Instant::now(), first_byte: None });
    }
}

/// A connection.
pub(super) struct Connection {
    stream: TcpStream,
    conduct: Rc<Conduct>,
    head_timeout: Duration,
    pace: Pace,
    /// Since when the client takes nothing.
    blocked_since: Option<Instant>,
    /// Wakes the connection at the next deadline or before it.
    timer: Pin<Box<Sleep>>,
    count: Gauge,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, limits: &Limits, count: Gauge) -> Self {
        // Both are kind to others, and a connection works without them.
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
        count.inc();
        Self {
            stream,
            conduct: Rc::new(Conduct::new()),
            head_timeout: limits.head_timeout,
            pace: limits.pace,
            blocked_since: None,
            timer: Box::pin(sleep_until(Instant::now() + IDLE_MAX)),
            count,
        }
    }

    pub(super) fn conduct(&self) -> Rc<Conduct> {
        Rc::clone(&self.conduct)
    }

    pub(super) fn peer(&self) -> Option<std::net::SocketAddr> {
        self.stream.peer_addr().ok()
    }

    /// Ready at the deadline. The timer may be set to an earlier one: setting it costs more than a wake-up that was for
    /// nothing, so it is set later only when it has gone off.
    fn poll_deadline(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline);
        }
    }

    /// Until when bytes of the client are waited for. Not while an answer waits for the client: its time is kept there.
    fn read_deadline(&self) -> Option<Instant> {
        self.conduct.deadline(self.head_timeout).filter(|_| self.blocked_since.is_none())
    }

    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(deadline) = self.read_deadline() else { return Poll::Pending };
        ready!(self.poll_deadline(deadline, cx));
        Poll::Ready(Err(too_slow("no request came in time")))
    }

    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        let deadline = since + self.pace.next_wait(self.conduct.sent.get());
        ready!(self.poll_deadline(deadline, cx));
        Poll::Ready(too_slow("the answer was not taken in time"))
    }

    fn took(&mut self, bytes: usize) {
        let waited = self.blocked_since.take().map(|since| since.elapsed()).unwrap_or_default();
        self.conduct.took(waited, bytes);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.count.dec();
    }
}

fn too_slow(what: &'static str) -> io::Error {
    tracing::debug!("a connection is given up: {what}");
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.poll_received(cx),
            Poll::Ready(Ok(())) if buf.filled().len() > before => {
                // Also a client that never stops sending what nobody reads is too late one day.
                let is_late = || self.read_deadline().is_some_and(|deadline| Instant::now() >= deadline);
                if !self.conduct.received() && is_late() {
                    return Poll::Ready(Err(too_slow("what was sent is no request")));
                }
                Poll::Ready(Ok(()))
            }
            ended => ended,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Pending => self.poll_taken(cx).map(Err),
            Poll::Ready(Ok(len)) => {
                self.took(len);
                Poll::Ready(Ok(len))
            }
            failed => failed,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
