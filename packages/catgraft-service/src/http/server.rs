//! The server: from a bound listener and a table of calls to a future that serves until it is told to stop.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpService, Protocol};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App, Error, FromRequest, Handler, Responder,
    body::BoxBody,
    dev::{AppConfig, ServiceRequest, ServiceResponse},
    http::KeepAlive,
    middleware::from_fn,
    web::{self, Data},
};
use catgraft_core::{ByteSize, Clock};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::{
    Auth, Call,
    body::ROOM_UNIT_BYTES,
    connection::{Connection, KEEP_ALIVE},
    files,
    in_process::{self, InProcess},
    limits::Limits,
    middleware,
    pieces::HANDED_ON_BYTES_MAX,
    request_id::RequestIds,
    status_pages,
};
use crate::{
    metrics::{Gauge, Metrics},
    readiness::Readiness,
    room::{Queue, Room},
};

/// Connections that the system keeps ready while the server is at its limit, or in the middle of something.
const BACKLOG: i32 = 1024;
/// Bytes of an answer that are gathered for one call of the system. Each call wakes the client, so reads of 64 pages were 8 %
/// faster than with the 32 KiB of the server below.
const WRITE_BYTES: usize = 56 * 1024;
/// What a connection keeps for them: the power of two that 32 KiB need, too, once a page is added to them.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
const _: () =
    assert!(WRITE_BYTES + HANDED_ON_BYTES_MAX <= WRITE_BUFFER_BYTES, "a buffer that grows has twice the size");
/// Answers that wait for room: they are there already, so few may.
const ANSWERS_WAITING_MAX: usize = 16;
/// How long the rest of a refused body is read and thrown away, so that the client sees the answer and no reset.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long requests that were accepted may take once the server is told to stop.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);

/// Where requests come from.
pub enum Listener {
    /// A socket, bound already, so that port 0 works and a taken port is known at start.
    Tcp(TcpListener),
    /// This process itself, as in a simulation.
    InProcess(InProcess),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<InProcess> for Listener {
    fn from(requests: InProcess) -> Self {
        Self::InProcess(requests)
    }
}

/// What a server is made of.
pub struct ServerOptions {
    /// Where its requests come from.
    pub listener: Listener,
    /// Every call that the service answers.
    pub calls: &'static [Call],
    /// Who may call.
    pub auth: Auth,
    /// Decides whether a token is valid now.
    pub clock: Arc<dyn Clock>,
    /// What `/ready` tells.
    pub readiness: Readiness,
    /// What `/metrics` tells, and where requests are counted.
    pub metrics: Metrics,
    /// What clients may take.
    pub limits: Limits,
    /// Cancelled when the server has to stop.
    pub shutdown: CancellationToken,
}

/// What the middleware and the status pages share, one a server.
pub(super) struct Shared {
    pub(super) calls: Vec<middleware::CallInfo>,
    pub(super) auth: Auth,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) readiness: Readiness,
    pub(super) metrics: Metrics,
    pub(super) shutdown: CancellationToken,
    pub(super) request_ids: RequestIds,
    pub(super) limits: Limits,
    /// Memory for bodies, and for answers.
    pub(super) bodies: Room,
    pub(super) answers: Room,
}

impl Shared {
    fn new(options: ServerOptions) -> (Self, Listener) {
        let ServerOptions { listener, calls, auth, clock, readiness, metrics, limits, shutdown } = options;
        let room = |size: ByteSize, queue: Queue| {
            let units = size.as_bytes() / ROOM_UNIT_BYTES as u64;
            Room::new(usize::try_from(units).unwrap_or(usize::MAX), queue)
        };
        let bodies = room(limits.body_memory, limits.queue);
        let waiting_max = limits.queue.waiting_max.min(ANSWERS_WAITING_MAX);
        let answers = room(limits.answer_memory, Queue { waiting_max, ..limits.queue });
        observe(&metrics, "catgraft_body_memory_bytes", "Memory kept for requests that are worked on.", &bodies);
        observe(&metrics, "catgraft_answer_memory_bytes", "Memory of answers that are not taken yet.", &answers);
        let calls = calls.iter().map(|call| middleware::CallInfo::new(*call, &metrics)).collect();
        let request_ids = RequestIds::new();
        let shared = Self { calls, auth, clock, readiness, metrics, shutdown, request_ids, limits, bodies, answers };
        (shared, listener)
    }
}

fn observe(metrics: &Metrics, name: &str, help: &str, room: &Room) {
    let room = room.clone();
    metrics.observe_gauge(name, help, move || (room.used() * ROOM_UNIT_BYTES) as u64);
}

/// A server that listens. Nothing is answered until [`Server::run`] is polled.
pub struct Server {
    address: Option<SocketAddr>,
    running: Pin<Box<dyn Future<Output = io::Result<()>> + Send>>,
}

impl Server {
    /// Where it listens, with the port that the system chose; none in one process with who asks.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Serves until the shutdown token is cancelled; then stops accepting, finishes what was accepted for at most 25 s,
    /// and returns. May be awaited or spawned on any tokio runtime.
    pub async fn run(self) -> io::Result<()> {
        self.running.await
    }
}

/// Builds the server of a service. `configure` registers a handler for every call, with [`post`], and the
/// application data that they need; it runs once a worker thread.
pub fn serve<F>(options: ServerOptions, configure: F) -> io::Result<Server>
where
    F: Fn(&mut web::ServiceConfig) + Send + Clone + 'static,
{
    let (shared, listener) = Shared::new(options);
    let shared = Data::new(shared);
    match listener {
        Listener::Tcp(listener) => {
            let of_worker = shared.clone();
            serve_tcp(listener, &shared, move || app(of_worker.clone(), configure.clone()))
        }
        Listener::InProcess(requests) => {
            let stop = shared.shutdown.clone();
            let running = in_process::serve(requests, stop, move || app(shared, configure));
            Ok(Server { address: None, running: Box::pin(running) })
        }
    }
}

/// The application around a service's handlers, the same wherever its requests come from.
fn app<F>(
    shared: Data<Shared>,
    configure: F,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>,
>
where
    F: FnOnce(&mut web::ServiceConfig),
{
    App::new().app_data(shared).configure(configure).configure(status_pages::configure).wrap(from_fn(middleware::guard))
}

fn serve_tcp<F, S>(listener: TcpListener, shared: &Shared, app: F) -> io::Result<Server>
where
    F: Fn() -> App<S> + Send + Clone + 'static,
    S: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
        + 'static,
{
    let address = listener.local_addr()?;
    socket2::SockRef::from(&listener).listen(BACKLOG)?;
    let (limits, stop) = (shared.limits, shared.shutdown.clone());
    let connections = shared.metrics.gauge("catgraft_connections", "Connections of clients, idle ones too.");
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let connections_max = files::connections_max(limits.connections_max);
    let workers = cores.min(connections_max);
    let builder = actix_server::Server::build()
        .workers(workers)
        .max_concurrent_connections(connections_max / workers)
        .shutdown_timeout(DRAIN_TIMEOUT.as_secs())
        .disable_signals();
    let draining = builder.graceful_shutdown_signal();
    let service = move || {
        let draining = draining.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.notified().await }
            })
            .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
            .client_request_timeout(limits.head_timeout)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .h1_write_buffer_size(WRITE_BYTES)
            .local_addr(address)
            .on_connect_ext(|connection: &Connection, data| {
                data.insert(connection.conduct());
            })
            .finish(map_config(app().into_factory(), |()| AppConfig::default()));
        connect(limits, connections.clone()).and_then(http)
    };
    let server = builder.listen("catgraft", listener, service)?.run();
    let handle = server.handle();
    let running = async move {
        let stopping = async {
            stop.cancelled().await;
            handle.stop(true).await;
        };
        let mut server = pin!(server);
        tokio::select! {
            served = &mut server => served,
            () = stopping => server.await,
        }
    };
    Ok(Server { address: Some(address), running: Box::pin(running) })
}

/// Makes a connection of ours of what was accepted.
fn connect(
    limits: Limits,
    count: Gauge,
) -> impl ServiceFactory<
    TcpStream,
    Config = (),
    Response = (Connection, Protocol, Option<SocketAddr>),
    Error = actix_http::error::DispatchError,
    InitError = (),
> {
    fn_service(move |stream: TcpStream| {
        let connection = Connection::new(stream, &limits, count.clone());
        let peer = connection.peer();
        std::future::ready(Ok((connection, Protocol::Http1, peer)))
    })
}

/// Registers the handler of a call.
pub fn post<H, Args>(config: &mut web::ServiceConfig, call: &Call, handler: H)
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder + 'static,
{
    config.route(call.path(), web::post().to(handler));
}
