//! A connection of the double: counts its bytes, keeps its pace, stands still while the double is frozen, and is cut.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{Notify, watch},
    time::{Instant, Sleep},
};

use super::world::{Switches, World};

/// Most bytes that move at once where there is a pace.
const STEP_BYTES: usize = 64 * 1024;
/// A pace makes up for as much lost time as this: timers are coarse.
const CATCH_UP: Duration = Duration::from_millis(10);

/// The handle of a connection, for whoever answers its requests.
#[derive(Debug, Default)]
pub(super) struct Line {
    cut: Notify,
    cut_when_flushed: AtomicBool,
}

impl Line {
    /// Closes the connection at once, whatever is under way.
    pub(super) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Closes the connection when what was written so far is on its way.
    pub(super) fn cut_when_flushed(&self) {
        self.cut_when_flushed.store(true, Ordering::Relaxed);
    }

    pub(super) async fn until_cut(&self) {
        self.cut.notified().await;
    }
}

/// The stream of a connection.
pub(super) struct Wire {
    stream: TcpStream,
    world: Arc<World>,
    line: Arc<Line>,
    read: Brake,
    write: Brake,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, world: Arc<World>, line: Arc<Line>) -> Self {
        let brake = || Brake { switches: world.watch(), thaw: None, free_at: Instant::now(), sleep: None };
        let (read, write) = (brake(), brake());
        Self { stream, world, line, read, write }
    }

    fn bytes_per_second(&self) -> Option<u64> {
        self.world.waits.lock().latency.bytes_per_second
    }
}

/// Holds one direction back.
struct Brake {
    switches: watch::Receiver<Switches>,
    thaw: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
    free_at: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Brake {
    /// Ready when bytes may move.
    fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(thaw) = &mut self.thaw {
                ready!(thaw.as_mut().poll(cx));
                self.thaw = None;
            }
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            if !self.switches.borrow().frozen {
                return Poll::Ready(());
            }
            let mut switches = self.switches.clone();
            self.thaw = Some(Box::pin(async move {
                // Where the double is gone, its connections are as well.
                let _ = switches.wait_for(|switches| !switches.frozen).await;
            }));
        }
    }

    /// So many bytes moved: the next ones have to wait for their time.
    fn moved(&mut self, bytes: usize, bytes_per_second: Option<u64>) {
        let Some(pace) = bytes_per_second else { return };
        let now = Instant::now();
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        self.free_at = self.free_at.max(earliest) + Duration::from_secs_f64(bytes as f64 / pace as f64);
        if self.free_at > now {
            self.sleep = Some(Box::pin(tokio::time::sleep_until(self.free_at)));
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.read.poll_free(cx));
        let pace = this.bytes_per_second();
        let most = if pace.is_some() { STEP_BYTES } else { usize::MAX };
        let len = buf.remaining().min(most);
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(len));
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut part))?;
        let bytes = part.filled().len();
        buf.advance(bytes);
        this.read.moved(bytes, pace);
        this.world.tally.received(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.write.poll_free(cx));
        let pace = this.bytes_per_second();
        let most = if pace.is_some() { STEP_BYTES } else { usize::MAX };
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, &bytes[..bytes.len().min(most)]))?;
        this.write.moved(written, pace);
        this.world.tally.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.line.cut_when_flushed.load(Ordering::Relaxed) {
            self.line.cut();
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
