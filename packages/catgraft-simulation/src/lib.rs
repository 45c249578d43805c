//! Deterministic simulation: two metastores, two pagestores and some clients in one process, on one thread and a simulated
//! clock, from one seed that decides everything that happens.
//!
//! The daemons are the real ones from their endpoints down (`daemons`). What is simulated is the world around them
//! (`doors`): an object store and a catalog in memory and a network, each late and faulty, also in the ways in which an
//! effect comes and its answer does not. Processes crash, freeze and start again (`process`, `mishaps`). Clients push,
//! race, repeat, give up, read and pull (`clients`), and every answer is compared with the naive model of what was
//! settled (`history`): one winner an LSN, no gap, nothing acknowledged lost, byte-exact pages, retries that land once,
//! and no answer behind what was known before it was asked. At the end all is calm, and everything is read back.
//!
//! The same seed and the same programs do the same: [`Report::hash`] is a hash of all that happened.

mod clients;
mod daemons;
mod dice;
mod doors;
mod errors_told;
mod history;
mod mishaps;
mod plan;
mod process;
mod report;
mod sabotage;
mod trace;
mod violation;
mod world;

use std::{sync::Arc, time::Duration};

use catgraft_core::{IdSource as _, Timestamp};
use tokio::{
    runtime::Runtime,
    task::{JoinSet, LocalSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub use report::{Counts, Report};
pub use sabotage::Sabotage;

use crate::{
    clients::{Servers, push_all, read_until, readback::read_everything_back},
    history::History,
    violation::Violation,
    world::World,
};

/// Longest that all clients take, by the simulated clock.
const CLIENTS_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What is simulated beside what the seed decides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Something to be taken away, which has to be found.
    pub sabotage: Option<Sabotage>,
    /// Keep what happens as lines of text.
    pub keep_trace: bool,
}

/// Simulates one seed. The runtime has to be of one thread, with its clock paused from the start, and is used up.
pub fn simulate(runtime: Runtime, seed: u64, options: Options) -> Report {
    let _errors = errors_told::listen();
    let report = LocalSet::new().block_on(&runtime, run(seed, options));
    // Tasks of the dead wait behind their doors for ever.
    runtime.shutdown_background();
    report
}

async fn run(seed: u64, options: Options) -> Report {
    let world = Arc::new(World::new(seed, options.sabotage, options.keep_trace));
    world.trace.tell(format_args!("{:?}", world.plan));
    let outcome = live_through(&world).await;
    let told = errors_told::first().map(Violation::Logged);
    let violation = outcome.err().or_else(|| world.take_broken()).or(told).map(|violation| violation.to_string());
    // What was drawn is a part of what happened.
    world.trace.tell(format_args!("the next number is {}", world.dice.number(0..=u64::MAX)));
    if let Some(violation) = &violation {
        world.trace.tell(format_args!("broken: {violation}"));
    }
    Report {
        seed,
        hash: world.trace.hash(),
        simulated_seconds: world.trace.start().elapsed().as_secs(),
        counts: world.counts(),
        violation,
        trace: world.trace.take_lines(),
    }
}

async fn live_through(world: &Arc<World>) -> Result<(), Violation> {
    for daemon in [daemons::metastores(), daemons::pagestores()].concat() {
        tokio::task::spawn_local(daemons::keep_alive(Arc::clone(world), daemon));
    }
    tokio::task::spawn_local(mishaps::happen(Arc::clone(world)));
    let volume = || Arc::new(History::new(world.dice.volume_id(Timestamp::from_millis(0))));
    let histories: Arc<[Arc<History>]> = (0..world.plan.volumes).map(|_| volume()).collect();
    let servers = Servers { world: Arc::clone(world) };
    let done = CancellationToken::new();
    let (mut pushers, mut readers) = (JoinSet::new(), JoinSet::new());
    for number in 0..world.plan.pushers {
        // More pushers than volumes: some race.
        pushers.spawn_local(push_all(servers.clone(), Arc::clone(&histories[number % histories.len()])));
    }
    for _ in 0..world.plan.readers {
        readers.spawn_local(read_until(servers.clone(), Arc::clone(&histories), done.clone()));
    }
    let clients = async {
        end_all(&mut pushers).await?;
        done.cancel();
        world.calm_down();
        end_all(&mut readers).await?;
        read_everything_back(&servers, &histories).await
    };
    let stuck = |_| Violation::Stuck { what: "a client".to_owned(), last: format!("not within {CLIENTS_MAX:?}") };
    timeout(CLIENTS_MAX, clients).await.map_err(stuck)?
}

async fn end_all(clients: &mut JoinSet<Result<(), Violation>>) -> Result<(), Violation> {
    while let Some(ended) = clients.join_next().await {
        ended.map_err(|error| Violation::Ended(format!("a client failed: {error}")))??;
    }
    Ok(())
}
