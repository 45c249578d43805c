//! The double's ports: S3, and the one that it takes commands on.

use std::{future::Future, sync::Arc};

use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{Body, service::S3Service};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    control::{self, Control},
    visit::Exchange,
    wire::{Line, Wire},
    world::World,
};

/// Serves S3 for ever. Whoever drops it closes all connections.
pub(super) async fn serve(listener: TcpListener, service: S3Service, world: Arc<World>) {
    accept(listener, |stream| connection(stream, service.clone(), Arc::clone(&world))).await;
}

/// Takes commands for ever.
pub(super) async fn serve_control(listener: TcpListener, control: Arc<Control>) {
    accept(listener, |stream| {
        let control = Arc::clone(&control);
        async move {
            let service = service_fn(move |request| control::answer(Arc::clone(&control), request));
            let http = auto::Builder::new(TokioExecutor::new());
            ended(http.serve_connection(TokioIo::new(stream), service).await);
        }
    })
    .await;
}

async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // An answer of two writes would wait for the client's acknowledgement of the first.
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, service: S3Service, world: Arc<World>) {
    let line = Arc::new(Line::default());
    let wire = Wire::new(stream, world, Arc::clone(&line));
    let service = service_fn(|mut request: Request<Incoming>| {
        let exchange = Exchange::on(Arc::clone(&line));
        request.extensions_mut().insert(exchange.clone());
        let service = service.clone();
        async move {
            let answer = service.call(request.map(Body::from)).await?;
            Ok::<_, s3s::HttpError>(exchange.spoil(answer).await)
        }
    });
    let http = auto::Builder::new(TokioExecutor::new());
    let served = http.serve_connection(TokioIo::new(wire), service);
    tokio::select! {
        outcome = served => ended(outcome),
        () = line.until_cut() => {}
    }
}

fn ended<E: std::fmt::Display>(outcome: Result<(), E>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}
