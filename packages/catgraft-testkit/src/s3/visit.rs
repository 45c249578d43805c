//! One request of a double, from its arrival to its answer: what it waits for and what goes wrong with it.

use std::{
    future::pending,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use s3s::{Body, HttpResponse, S3Error, S3ErrorCode, S3Result, dto::StreamingBlob, s3_error};

use super::{
    fault::{Fault, S3Call},
    wire::Line,
    world::World,
};

/// A request as its connection knows it; travels in the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    line: Arc<Line>,
    /// What goes wrong with its answer.
    spoil: Arc<OnceLock<Spoil>>,
}

#[derive(Debug, Clone, Copy)]
enum Spoil {
    Cut,
    Truncate,
    /// Drawn for the bit of the body that is flipped.
    FlipBit(usize),
}

/// A request whose signature was good.
pub(super) struct Visit<'a> {
    world: &'a World,
    call: S3Call,
    exchange: Exchange,
    fault: Option<Fault>,
}

impl<'a> Visit<'a> {
    /// Counts the request and decides what goes wrong with it.
    pub(super) fn arrive(world: &'a World, call: S3Call, key: &str, exchange: Exchange) -> Self {
        world.tally.arrived(call);
        let mut faults = world.faults.lock();
        let fault = faults.strike(call, key);
        let spoil = match fault {
            Some(Fault::CutAnswer) => Some(Spoil::Cut),
            Some(Fault::Truncate) => Some(Spoil::Truncate),
            Some(Fault::FlipBit) => Some(Spoil::FlipBit(faults.draw_below(usize::MAX))),
            _ => None,
        };
        if let Some(spoil) = spoil {
            exchange.spoil.set(spoil).expect("a request arrives once");
        }
        Self { world, call, exchange, fault }
    }

    /// Reads the body of the request, or only half of it.
    pub(super) async fn read_body(&self, body: Option<StreamingBlob>, len: Option<i64>) -> S3Result<Bytes> {
        let enough = match self.fault {
            Some(Fault::CutRequest) => len.and_then(|len| usize::try_from(len / 2).ok()).unwrap_or_default(),
            _ => usize::MAX,
        };
        let mut whole = Vec::new();
        let Some(mut body) = body else { return Ok(Bytes::new()) };
        while whole.len() < enough {
            let chunk = body.try_next().await.map_err(|e| S3Error::with_source(S3ErrorCode::IncompleteBody, e))?;
            let Some(chunk) = chunk else { break };
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.into())
    }

    /// What comes before the effect: the wait, and every fault that keeps it from happening.
    pub(super) async fn before(&self) -> S3Result<()> {
        if self.fault == Some(Fault::CutRequest) {
            self.exchange.line.cut();
            pending::<()>().await;
        }
        let writes = matches!(self.call, S3Call::Put | S3Call::Delete);
        let wait = self.world.waits.lock().draw(writes);
        let more = if let Some(Fault::Slow(ms)) = self.fault { Duration::from_millis(ms) } else { Duration::ZERO };
        if !(wait + more).is_zero() {
            tokio::time::sleep(wait + more).await;
        }
        self.world.thawed().await;
        match self.fault {
            Some(Fault::InternalError) => return Err(s3_error!(InternalError)),
            Some(Fault::SlowDown) => return Err(s3_error!(SlowDown)),
            Some(Fault::TimeoutBefore) => pending::<()>().await,
            _ => {}
        }
        self.world.tally.charged(self.call);
        Ok(())
    }

    /// What comes after the effect.
    pub(super) async fn after(&self) {
        if self.fault == Some(Fault::TimeoutAfter) {
            pending::<()>().await;
        }
    }
}

impl Exchange {
    /// A request on this connection.
    pub(super) fn on(line: Arc<Line>) -> Self {
        Self { line, spoil: Arc::default() }
    }

    /// Does to an answer what its request was drawn for.
    pub(super) async fn spoil(&self, answer: HttpResponse) -> HttpResponse {
        let Some(spoil) = self.spoil.get().copied() else { return answer };
        let (mut head, body) = answer.into_parts();
        let Ok(chunks) = StreamingBlob::from(body).try_collect::<Vec<Bytes>>().await else {
            unreachable!("answers lie in memory");
        };
        let mut whole = chunks.concat();
        let half = whole.len() / 2;
        let body = match spoil {
            Spoil::Cut if whole.is_empty() => {
                self.line.cut();
                pending().await
            }
            Spoil::Cut => {
                whole.truncate(half);
                let part = Part { bytes: Some(whole.into()), line: Arc::clone(&self.line) };
                Body::from(StreamingBlob::wrap(part))
            }
            Spoil::Truncate => {
                whole.truncate(half);
                head.headers.insert("content-length", half.into());
                Body::from(whole)
            }
            Spoil::FlipBit(drawn) => {
                let at = drawn % (whole.len() * 8).max(1);
                if let Some(byte) = whole.get_mut(at / 8) {
                    *byte ^= 1 << (at % 8);
                }
                Body::from(whole)
            }
        };
        HttpResponse::from_parts(head, body)
    }
}

/// A body that never goes on after its first part; when that is on its way, the connection is closed.
struct Part {
    bytes: Option<Bytes>,
    line: Arc<Line>,
}

impl Stream for Part {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => Poll::Ready(Some(Ok(bytes))),
            None => {
                self.line.cut_when_flushed();
                Poll::Pending
            }
        }
    }
}
