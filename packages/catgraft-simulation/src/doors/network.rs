//! The network between clients, pagestores and metastores: requests and answers are late, lost, or arrive twice.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use catgraft_client::{Answer, Transport, TransportError};
use catgraft_service::http::in_process::{self, Request};
use reqwest::Body;
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use super::Simulated;
use crate::{
    process::{Daemon, Process},
    world::World,
};

/// Longest that a request is on its way which nobody waits for any more.
const LOST_MAX: Duration = Duration::from_secs(60 * 60);

/// The way from somebody to one of some daemons.
pub(crate) struct Wire {
    pub(crate) world: Arc<World>,
    /// None for a client, which does not crash here.
    pub(crate) from: Option<Arc<Process>>,
    /// One of these.
    pub(crate) to: Vec<Daemon>,
    pub(crate) timeout: Duration,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire to {:?}", self.to)
    }
}

#[async_trait]
impl Transport for Wire {
    fn url(&self) -> &str {
        "http://simulated"
    }

    async fn post(&self, path: &'static str, body: Body) -> Result<Answer, TransportError> {
        let body = Bytes::copy_from_slice(body.as_bytes().unwrap_or_default());
        let to = self.world.dice.pick(&self.to);
        let call = async {
            if let Some(from) = &self.from {
                from.pass(&self.world).await;
            }
            let (reply, answered) = oneshot::channel();
            tokio::spawn(carry(Arc::clone(&self.world), to, path, body, reply));
            let answered = answered.await;
            if let Some(from) = &self.from {
                from.pass(&self.world).await;
            }
            answered
        };
        match timeout(self.timeout, call).await {
            Ok(Ok(in_process::Answer { status, content_type, body })) => Ok(Answer { status, content_type, body }),
            Ok(Err(_)) => Err(failed(false, "the connection is broken")),
            Err(_) => Err(failed(true, "no answer in time")),
        }
    }

    fn draw(&self) -> f64 {
        self.world.dice.part()
    }
}

fn failed(is_timeout: bool, what: &'static str) -> TransportError {
    TransportError { is_timeout, source: Simulated(what).into() }
}

/// Brings a request to a daemon and its answer back. Where `reply` is dropped, the connection is broken.
async fn carry(
    world: Arc<World>,
    to: Daemon,
    path: &'static str,
    body: Bytes,
    reply: oneshot::Sender<in_process::Answer>,
) {
    world.travel().await;
    if world.fails(world.plan.network_fault) {
        return lose(&world, reply).await;
    }
    if world.happens(world.plan.twice) {
        world.count(|counts| &mut counts.doubled);
        tokio::spawn(arrive_again(Arc::clone(&world), to, path, body.clone()));
    }
    let hangs_up = world.dice.one_in(2);
    let (reply, answer) = match deliver(&world, to, path, body, reply, hangs_up).await {
        Some(delivered) => delivered,
        None => return,
    };
    world.travel().await;
    if world.fails(world.plan.network_fault) {
        return lose(&world, reply).await;
    }
    world.trace.tell(format_args!("{to:?} answers {path} with {} and {} bytes", answer.status, answer.body.len()));
    // Who has given up does not ask.
    let _ = reply.send(answer);
}

type Delivered = Option<(oneshot::Sender<in_process::Answer>, in_process::Answer)>;

/// Hands a request to the process that lives there now, and waits for its answer. None where it has no answer.
async fn deliver(
    world: &World,
    to: Daemon,
    path: &'static str,
    body: Bytes,
    mut reply: oneshot::Sender<in_process::Answer>,
    hangs_up: bool,
) -> Delivered {
    let process = world.process(to)?;
    process.thaw().await;
    world.trace.tell(format_args!("{path} of {} bytes reaches {process}", body.len()));
    let (answer, answered) = oneshot::channel();
    process.requests.send(Request { path: path.to_owned(), body, answer }).ok()?;
    let answer = tokio::select! {
        biased;
        () = process.dead() => return None,
        () = reply.closed(), if hangs_up => return None,
        answer = answered => answer.ok()?,
    };
    // Its answer leaves the process through a door.
    tokio::select! {
        biased;
        () = process.dead() => return None,
        () = process.pass(world) => {}
    }
    Some((reply, answer))
}

/// The same request arrives once more; nobody hears the answer.
async fn arrive_again(world: Arc<World>, to: Daemon, path: &'static str, body: Bytes) {
    sleep(world.dice.time(Duration::from_secs(5))).await;
    let (reply, _nobody) = oneshot::channel();
    deliver(&world, to, path, body, reply, false).await;
}

/// Either the connection breaks, or nothing ever comes.
async fn lose(world: &World, mut reply: oneshot::Sender<in_process::Answer>) {
    if world.dice.one_in(2) {
        let _ = timeout(LOST_MAX, reply.closed()).await;
    }
}
