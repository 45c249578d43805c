//! The service of these tests: a handler for each way in which a handler can end.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use actix_web::{
    HttpRequest, HttpResponse,
    error::ErrorImATeapot,
    web::{self, Data, Payload},
};
use async_trait::async_trait;
use catgraft_core::{Clock, Timestamp};
use catgraft_proto::graft::common::v1::GraftErr;
use catgraft_service::{
    ApiError, Metrics, ReadinessCheck,
    http::{self, Auth, Call, Listener, Server, ServerOptions},
    readiness::Readiness,
    token::Role,
};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Most bytes of a body that `echo` takes.
pub(crate) const LIMIT_BYTES: usize = 100_000;
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
const REGISTER: Call = Call::internal("/metastore/v1/register", Role::Pagestore);
const CALLS: &[Call] = &[ECHO, MISSING, AWAY, BROKEN, PANIC, TEAPOT, EMPTY_ERROR, WAIT, REGISTER];

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
    let (knobs, shutdown) = (Arc::new(Knobs::default()), CancellationToken::new());
    let server = serve(TcpListener::bind("127.0.0.1:0").unwrap(), auth, &knobs, &shutdown);
    let address = server.address().unwrap();
    Fixture { address, knobs, shutdown, served: tokio::spawn(server.run()) }
}

pub(crate) fn serve(
    listener: impl Into<Listener>,
    auth: Auth,
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
}

fn unavailable() -> ApiError {
    ApiError::unavailable("the catalog is away").with_source(std::io::Error::other("connection refused by 10.0.0.1"))
}

async fn echo(request: HttpRequest, payload: Payload) -> Result<HttpResponse, ApiError> {
    let message: GraftErr = http::read_message(payload, LIMIT_BYTES).await?;
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
