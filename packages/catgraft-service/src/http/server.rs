//! The server: from a bound listener and a table of calls to a future that serves until it is told to stop.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, Error, FromRequest, Handler, HttpServer, Responder,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    http::KeepAlive,
    middleware::from_fn,
    web::{self, Data},
};
use catgraft_core::Clock;
use tokio_util::sync::CancellationToken;

use super::{
    Auth, Call,
    in_process::{self, InProcess},
    middleware,
    request_id::RequestIds,
    status_pages,
};
use crate::{metrics::Metrics, readiness::Readiness};

/// Longest that a client may take to send a request head.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept; above the 60 s after which load balancers give theirs up.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
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
    let ServerOptions { listener, calls, auth, clock, readiness, metrics, shutdown } = options;
    let calls = calls.iter().map(|call| middleware::CallInfo::new(*call, &metrics)).collect();
    let stop = shutdown.clone();
    let request_ids = RequestIds::new();
    let shared = Data::new(Shared { calls, auth, clock, readiness, metrics, shutdown, request_ids });
    match listener {
        Listener::Tcp(listener) => serve_tcp(listener, stop, move || app(shared.clone(), configure.clone())),
        Listener::InProcess(requests) => {
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

fn serve_tcp<F, S>(listener: TcpListener, stop: CancellationToken, app: F) -> io::Result<Server>
where
    F: Fn() -> App<S> + Send + Clone + 'static,
    S: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
        + 'static,
{
    let address = listener.local_addr()?;
    let server = HttpServer::new(app)
        .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
        .client_request_timeout(REQUEST_HEAD_TIMEOUT)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .shutdown_timeout(DRAIN_TIMEOUT.as_secs())
        .disable_signals()
        .listen(listener)?
        .run();
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

/// Registers the handler of a call.
pub fn post<H, Args>(config: &mut web::ServiceConfig, call: &Call, handler: H)
where
    H: Handler<Args>,
    Args: FromRequest + 'static,
    H::Output: Responder + 'static,
{
    config.route(call.path(), web::post().to(handler));
}
