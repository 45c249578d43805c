//! A server without a socket: requests are handed to the application in this process, and its answers back. What they go
//! through is what they go through behind a socket, but for HTTP's own bytes.
//!
//! For simulations, which need every step on one thread and on tokio's clock: it runs inside a [`tokio::task::LocalSet`].

use std::io;

use actix_web::{
    App, Error,
    body::{BoxBody, to_bytes},
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse},
    http::header::CONTENT_TYPE,
    test,
    web::Bytes,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinSet, spawn_local},
};
use tokio_util::sync::CancellationToken;

use super::PROTOBUF;

/// One request: a POST of a protobuf body.
#[derive(Debug)]
pub struct Request {
    /// The path.
    pub path: String,
    /// The body.
    pub body: Bytes,
    /// Where the answer goes. Once its receiver is gone the request's handler is dropped, as when a client hangs up.
    pub answer: oneshot::Sender<Answer>,
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The content type; empty where there is none.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// Where the requests come from.
#[derive(Debug)]
pub struct InProcess(pub mpsc::UnboundedReceiver<Request>);

/// Serves until it is stopped or nobody can ask any more, and finishes what was accepted.
pub(super) async fn serve<F, S>(requests: InProcess, stop: CancellationToken, app: F) -> io::Result<()>
where
    F: FnOnce() -> App<S> + Send + 'static,
    S: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
        + 'static,
{
    // The application is not `Send`; the task's handle is.
    let serving = spawn_local(answer_all(requests, stop, app));
    serving.await.map_err(io::Error::other)
}

async fn answer_all<F, S>(InProcess(mut requests): InProcess, stop: CancellationToken, app: F)
where
    F: FnOnce() -> App<S>,
    S: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
        + 'static,
{
    let service = std::rc::Rc::new(test::init_service(app()).await);
    let mut under_way = JoinSet::new();
    loop {
        let request = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = under_way.join_next() => continue,
            request = requests.recv() => match request {
                Some(request) => request,
                None => break,
            },
        };
        let service = std::rc::Rc::clone(&service);
        under_way.spawn_local(async move {
            let Request { path, body, mut answer } = request;
            let request =
                test::TestRequest::post().uri(&path).insert_header((CONTENT_TYPE, PROTOBUF)).set_payload(body);
            let answered = tokio::select! {
                biased;
                () = answer.closed() => return,
                answered = async { read(service.call(request.to_request()).await).await } => answered,
            };
            // Who hung up does not ask.
            let _ = answer.send(answered);
        });
    }
    while under_way.join_next().await.is_some() {}
}

async fn read(answered: Result<ServiceResponse<BoxBody>, Error>) -> Answer {
    let response = match answered {
        Ok(answered) => answered.into_parts().1,
        Err(error) => error.error_response(),
    };
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let (status, content_type) = (response.status().as_u16(), content_type.unwrap_or_default().to_owned());
    // A body that breaks off is what a client would see: no message.
    let body = to_bytes(response.into_body()).await.unwrap_or_default();
    Answer { status, content_type, body }
}
