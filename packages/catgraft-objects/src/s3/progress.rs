//! How far the sending of a request is: its body tells how much of it the connection took.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_types::body::Error;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::watch;

/// How much of a request's body its connection took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Some,
    All,
}

/// The body with somebody watching it. Each part that is taken is told, also where it changes nothing.
pub(super) fn watched(body: SdkBody) -> (SdkBody, watch::Receiver<Taken>) {
    if body.is_end_stream() {
        return (body, watch::channel(Taken::All).1);
    }
    let (progress, taken) = watch::channel(Taken::Some);
    (SdkBody::from_body_1_x(WatchedBody { inner: body, progress }), taken)
}

struct WatchedBody {
    inner: SdkBody,
    progress: watch::Sender<Taken>,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let is_all = frame.is_none() || self.inner.is_end_stream();
        self.progress.send_replace(if is_all { Taken::All } else { Taken::Some });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
