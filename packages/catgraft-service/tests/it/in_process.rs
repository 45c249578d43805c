//! The same service without a socket, as simulations ask it.

use std::sync::Arc;

use catgraft_proto::graft::common::v1::{GraftErr, GraftErrCode};
use catgraft_service::http::{
    Auth, Limits,
    in_process::{Answer, InProcess, Request},
};
use prost::Message;
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, LocalSet, spawn_local},
};
use tokio_util::sync::CancellationToken;

use crate::fixture::{Knobs, serve};

struct Service {
    requests: mpsc::UnboundedSender<Request>,
    knobs: Arc<Knobs>,
    shutdown: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

fn start(auth: Auth) -> Service {
    let (requests, incoming) = mpsc::unbounded_channel();
    let (knobs, shutdown) = (Arc::new(Knobs::default()), CancellationToken::new());
    let server = serve(InProcess(incoming), auth, Limits::default(), &knobs, &shutdown);
    Service { requests, knobs, shutdown, served: spawn_local(server.run()) }
}

impl Service {
    fn ask(&self, call: &str, body: Vec<u8>) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let path = format!("/metastore/v1/{call}");
        self.requests.send(Request { path, body: body.into(), answer }).unwrap();
        answered
    }
}

fn message() -> Vec<u8> {
    GraftErr { code: 0, message: "x".repeat(5000) }.encode_to_vec()
}

fn code(answer: &Answer) -> i32 {
    GraftErr::decode(answer.body.clone()).unwrap().code
}

#[tokio::test]
async fn requests_go_through_the_same_application() {
    let asked = async {
        let service = start(Auth::Off);
        let answer = service.ask("echo", message()).await.unwrap();
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/x-protobuf"));
        assert!(answer.body == message());
        for (call, status, expected) in [
            ("missing", 404, GraftErrCode::SnapshotMissing),
            ("panic", 500, GraftErrCode::Server),
            ("nothing", 400, GraftErrCode::Client),
        ] {
            let answer = service.ask(call, message()).await.unwrap();
            assert_eq!((answer.status, code(&answer)), (status, expected as i32), "{call}");
        }
    };
    LocalSet::new().run_until(asked).await;
}

#[tokio::test]
async fn what_was_accepted_is_finished_when_it_is_told_to_stop() {
    let asked = async {
        let service = start(Auth::Off);
        let answered = service.ask("wait", message());
        service.knobs.waiting.notified().await;
        service.shutdown.cancel();
        service.knobs.go_on.notify_one();
        assert_eq!(answered.await.unwrap().status, 200);
        service.served.await.unwrap().unwrap();
    };
    LocalSet::new().run_until(asked).await;
}
