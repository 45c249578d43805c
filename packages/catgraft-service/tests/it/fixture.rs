//! The service of these tests: a handler for each way in which a handler can end.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    error::ErrorImATeapot,
    web::{self, Data},
};
use async_trait::async_trait;
use catgraft_core::{Clock, Timestamp};
use catgraft_proto::graft::common::v1::GraftErr;
use catgraft_service::{
    ApiError, Metrics, ReadinessCheck,
    http::{self, Auth, Call, Limits, Listener, Server, ServerOptions},
    readiness::Readiness,
    token::Role,
};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Most bytes of a body that `echo` takes.
pub(crate) const LIMIT_BYTES: usize = 100_000;
/// Bytes of the answer of `large`: more than a client that takes nothing lets the system take.
pub(crate) const LARGE_BYTES: usize = 16_000_000;
/// A time-out that tests wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(100);
/// How long `leisure` takes for a piece.
pub(crate) const LEISURE_TIME: Duration = Duration::from_millis(1200);
/// The moment that the service takes for the present.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

const ECHO: Call = Call::open("/metastore/v1/echo");
const MISSING: Call = Call::open("/metastore/v1/missing");
const AWAY: Call = Call::open("/metastore/v1/away");
const BROKEN: Call = Call::open("/metastore/v1/broken");
const PANIC: Call = Call::open("/metastore/v1/panic");
const TEAPOT: Call = Call::open("/metastore/v1/teapot");
const EMPTY_ERROR: Call = Call::open("/metastore/v1/empty_error");
const WAIT: Call = Call::open("/metastore/v1/wait");
const LARGE: Call = Call::open("/metastore/v1/large");
const KEEP: Call = Call::open("/metastore/v1/keep");
const LEISURE: Call = Call::open("/metastore/v1/leisure");
const REGISTER: Call = Call::internal("/metastore/v1/register", Role::Pagestore);
const CALLS: &[Call] = &[ECHO, MISSING, AWAY, BROKEN, PANIC, TEAPOT, EMPTY_ERROR, WAIT, LARGE, KEEP, LEISURE, REGISTER];

/// What tests turn and look at while the service runs.
#[derive(Default)]
pub(crate) struct Knobs {
    /// Is the store away?
    pub(crate) store_is_away: AtomicBool,
    /// How often the store was asked.
    pub(crate) store_asked: AtomicUsize,
    /// `wait` has begun.
    pub(crate) waiting: Notify,
    /// Lets `wait` go on.
    pub(crate) go_on: Notify,
}

pub(crate) struct Fixture {
    pub(crate) address: SocketAddr,
    pub(crate) knobs: Arc<Knobs>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<std::io::Result<()>>,
}

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        NOW
    }
}

struct Store(Arc<Knobs>);

#[async_trait]
impl ReadinessCheck for Store {
    fn name(&self) -> &'static str {
        "objectstore"
    }

    async fn check(&self) -> Result<(), String> {
        self.0.store_asked.fetch_add(1, Ordering::SeqCst);
        if self.0.store_is_away.load(Ordering::SeqCst) { Err("connection refused".into()) } else { Ok(()) }
    }
}

pub(crate) fn start(auth: Auth) -> Fixture {
    start_with(auth, Limits::default())
}

/// A service with limits of its own.
pub(crate) fn start_with(auth: Auth, limits: Limits) -> Fixture {
    let (knobs, shutdown) = (Arc::new(Knobs::default()), CancellationToken::new());
    let server = serve(TcpListener::bind("127.0.0.1:0").unwrap(), auth, limits, &knobs, &shutdown);
    let address = server.address().unwrap();
    Fixture { address, knobs, shutdown, served: tokio::spawn(server.run()) }
}

pub(crate) fn serve(
    listener: impl Into<Listener>,
    auth: Auth,
    limits: Limits,
    knobs: &Arc<Knobs>,
    shutdown: &CancellationToken,
) -> Server {
    let options = ServerOptions {
        listener: listener.into(),
        calls: CALLS,
        auth,
        clock: Arc::new(FixedClock),
        readiness: Readiness::new(vec![Arc::new(Store(knobs.clone()))]),
        metrics: Metrics::new("metastore", "1.2.3"),
        limits,
        shutdown: shutdown.clone(),
    };
    let data = Data::from(knobs.clone());
    let configure_all = move |config: &mut web::ServiceConfig| {
        config.app_data(data.clone());
        configure(config);
    };
    http::serve(options, configure_all).unwrap()
}

fn configure(config: &mut web::ServiceConfig) {
    http::post(config, &ECHO, echo);
    http::post(config, &REGISTER, echo);
    http::post(config, &MISSING, async || Err::<HttpResponse, _>(ApiError::missing("no such volume")));
    http::post(config, &AWAY, async || Err::<HttpResponse, _>(unavailable()));
    http::post(config, &BROKEN, async || Err::<HttpResponse, _>(ApiError::internal("a bug").with_source("the cause")));
    http::post(config, &PANIC, panics);
    http::post(config, &TEAPOT, async || Err::<HttpResponse, _>(ErrorImATeapot("a foreign error")));
    http::post(config, &EMPTY_ERROR, async || HttpResponse::BadGateway().finish());
    http::post(config, &WAIT, wait);
    http::post(config, &LARGE, large);
    http::post(config, &KEEP, keep);
    http::post(config, &LEISURE, leisure);
}

fn unavailable() -> ApiError {
    ApiError::unavailable("the catalog is away").with_source(std::io::Error::other("connection refused by 10.0.0.1"))
}

async fn echo(request: HttpRequest, body: http::Body) -> Result<HttpResponse, ApiError> {
    let http::Received { message, share: _share } = http::receive::<GraftErr>(body, LIMIT_BYTES).await?;
    Ok(http::respond(&request, &message).await)
}

async fn panics() -> HttpResponse {
    panic!("on purpose")
}

async fn wait(knobs: Data<Knobs>) -> HttpResponse {
    knobs.waiting.notify_one();
    knobs.go_on.notified().await;
    HttpResponse::Ok().insert_header(("Content-Type", http::PROTOBUF)).finish()
}

/// An answer of [`LARGE_BYTES`], in one piece.
async fn large(request: HttpRequest) -> HttpResponse {
    http::respond(&request, &GraftErr { code: 0, message: "x".repeat(LARGE_BYTES) }).await
}

/// Takes its body, and keeps it until it may go on.
async fn keep(body: http::Body, knobs: Data<Knobs>) -> Result<HttpResponse, ApiError> {
    let _kept = http::receive::<GraftErr>(body, LIMIT_BYTES).await?;
    Ok(wait(knobs).await)
}

/// Takes its body piece by piece, takes more time for each than a client may, and tells when it wants the next.
async fn leisure(mut body: http::Body, knobs: Data<Knobs>) -> Result<HttpResponse, ApiError> {
    while body.next_piece().await?.is_some() {
        tokio::time::sleep(LEISURE_TIME).await;
        knobs.waiting.notify_one();
    }
    Ok(HttpResponse::Ok().insert_header(("Content-Type", http::PROTOBUF)).finish())
}
