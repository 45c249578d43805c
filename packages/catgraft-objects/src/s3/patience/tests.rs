//! Tests on a clock that stands still but for waits: a step may take just less than the limit, as often as it likes, and
//! no longer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use aws_smithy_runtime_api::http::StatusCode;
use bytes::Bytes;
use http_body::Frame;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);
const BARELY: Duration = Duration::from_millis(9_999);

/// A server as a function of the request.
struct Server<F>(F);

impl<F> std::fmt::Debug for Server<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

impl<F, A> HttpConnector for Server<F>
where
    F: Fn(HttpRequest) -> A + Send + Sync,
    A: Future<Output = HttpResponse> + Send + 'static,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = (self.0)(request);
        HttpConnectorFuture::new(async move { Ok(answer.await) })
    }
}

async fn call<F, A>(request: HttpRequest, server: F) -> Result<Bytes, ConnectorError>
where
    F: Fn(HttpRequest) -> A + Send + Sync + 'static,
    A: Future<Output = HttpResponse> + Send + 'static,
{
    let connector = PatientConnector { inner: SharedHttpConnector::new(Server(server)), stall_timeout: LIMIT };
    let answer = connector.call(request).await?;
    Ok(Bytes::copy_from_slice(answer.body().bytes().expect("the body lies in memory")))
}

/// A body of steps, each a while after the one before.
struct Steps {
    left: usize,
    bytes: usize,
    pause: Duration,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

fn steps(left: usize, bytes: usize, pause: Duration) -> SdkBody {
    SdkBody::from_body_1_x(Steps { left, bytes, pause, sleep: None })
}

impl Body for Steps {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let pause = this.pause;
        let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        ready!(sleep.as_mut().poll(cx));
        this.sleep = None;
        this.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![7; this.bytes])))))
    }
}

fn get() -> HttpRequest {
    HttpRequest::get("http://store/key").unwrap()
}

fn put(body: SdkBody) -> HttpRequest {
    let mut request = HttpRequest::new(body);
    request.set_uri("http://store/key").unwrap();
    request.set_method("PUT").unwrap();
    request
}

fn ok(body: SdkBody) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(200).unwrap(), body)
}

/// Takes the body of a request, each part after a while; tells how many parts it took.
async fn take(mut request: HttpRequest, pause: Duration, parts_max: usize) -> usize {
    let mut body = request.take_body();
    let mut parts = 0;
    while parts < parts_max {
        tokio::time::sleep(pause).await;
        match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            Some(part) => drop(part.unwrap()),
            None => break,
        }
        parts += 1;
    }
    if parts == parts_max {
        std::future::pending::<()>().await;
    }
    parts
}

fn stalled(outcome: Result<Bytes, ConnectorError>) -> Stalled {
    let error = outcome.expect_err("it stalls");
    assert!(error.is_timeout(), "a stall is tried again: {error:?}");
    *error.into_source().downcast::<Stalled>().expect("it says where it stalled")
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_takes_as_long_as_it_needs() {
    let begun = Instant::now();
    let request = put(steps(256, STEP_BYTES, Duration::ZERO));
    let answer = call(request, |request| async move {
        assert_eq!(take(request, BARELY, usize::MAX).await, 256);
        tokio::time::sleep(BARELY).await;
        ok(SdkBody::empty())
    });
    assert_eq!(answer.await.unwrap(), "");
    assert!(begun.elapsed() > 250 * LIMIT, "none of the waits was skipped");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_taken_no_further_stalls() {
    let request = put(steps(256, STEP_BYTES, Duration::ZERO));
    let answer = call(request, |request| async move {
        take(request, BARELY, 3).await;
        ok(SdkBody::empty())
    });
    assert_eq!(stalled(answer.await), Stalled::Request(LIMIT));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_begin_stalls() {
    let silent = |_| std::future::pending();
    assert_eq!(stalled(call(get(), silent).await), Stalled::Answer(LIMIT));
    let deaf = |request| async move {
        take(request, Duration::ZERO, usize::MAX).await;
        std::future::pending().await
    };
    assert_eq!(stalled(call(put(steps(2, 10, Duration::ZERO)), deaf).await), Stalled::Answer(LIMIT));
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_takes_as_long_as_it_needs() {
    let slow = |_| async { ok(steps(100, STEP_BYTES, BARELY)) };
    assert_eq!(call(get(), slow).await.unwrap().len(), 100 * STEP_BYTES);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_drips_stalls() {
    let drips = |_| async { ok(steps(usize::MAX, 1, Duration::from_secs(1))) };
    assert_eq!(stalled(call(get(), drips).await), Stalled::Body(LIMIT));
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_short_is_tried_again_and_what_comes_too_long_is_not() {
    let answer = |bytes: usize| {
        move |_| async move {
            let mut answer = ok(SdkBody::from(vec![7; bytes]));
            answer.headers_mut().insert("content-range", "bytes 100-199/5000");
            answer
        }
    };
    let ranged = || {
        let mut request = get();
        request.headers_mut().insert("range", "bytes=100-199");
        request
    };
    assert_eq!(call(ranged(), answer(100)).await.unwrap().len(), 100);
    assert!(call(ranged(), answer(99)).await.unwrap_err().is_io());
    let error = call(ranged(), answer(101)).await.unwrap_err();
    assert!(!error.is_io() && !error.is_timeout() && error.as_other().is_none(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_goes_out_as_it_is() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let server = move |request: HttpRequest| {
        counted.fetch_add(usize::from(request.body().content_length() == Some(0)), Ordering::Relaxed);
        std::future::ready(ok(SdkBody::empty()))
    };
    call(get(), server).await.unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}
