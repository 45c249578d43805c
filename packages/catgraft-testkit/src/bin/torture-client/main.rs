//! A native client for torture runs: it pushes, races, reads and pulls at several metastores and pagestores at once while
//! somebody else ends, freezes and starts them, and it remembers everything that was acknowledged.
//!
//! It works until its standard input ends. Then it settles what is under way, reads every acknowledged commit back, and
//! ends. What it did is told on the standard output as lines of JSON, the last of which says how it ended:
//! `{"state": "pushing", …}`, `{"state": "reading back", …}`, `{"state": "done", …}`, or
//! `{"state": "failed", "violation": "…", …}` at the first promise that is broken.

mod compare;
mod pusher;
mod readback;
mod reader;
mod servers;
mod tally;
mod violation;
mod volume;

use std::{
    io::{self, Read as _, Write as _},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::Parser;
use rand::{SeedableRng as _, rngs::SmallRng};
use serde_json::json;
use tokio::task::JoinSet;

use servers::Servers;
use tally::Tally;
use violation::Violation;
use volume::{Group, Volumes};

/// Time between two lines that tell how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Pushes, races and reads at services that are being tortured, and compares every answer with what was acknowledged.
///
/// It works until its standard input ends, then reads everything back. It prints lines of JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// Address of a metastore; may be given several times, and each request goes to any of them.
    #[arg(long, required = true)]
    metastore: Vec<String>,
    /// Address of a pagestore; may be given several times.
    #[arg(long, required = true)]
    pagestore: Vec<String>,
    /// What pages, places, waits and servers are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Clients that have volumes of their own.
    #[arg(long, default_value_t = 4)]
    writers: usize,
    /// Clients that race on a volume that they share.
    #[arg(long, default_value_t = 3)]
    racers: usize,
    /// Clients that read and pull anything at random LSNs.
    #[arg(long, default_value_t = 2)]
    readers: usize,
    /// Commits of a volume, after which another one is begun.
    #[arg(long, default_value_t = 200)]
    commits_max: u64,
    /// An answer that does not come within this time is given up, such as 3s; the request is then made again elsewhere.
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// The store flips bits and denies access: a read may be refused with an error of the server, never answered with a
    /// wrong page; and a write of pages where access is denied.
    #[arg(long)]
    expect_refusals: bool,
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a program tells its user why it ends")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("torture-client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let tally = Arc::new(Tally::default());
    let Arguments { metastore, pagestore, timeout, expect_refusals, .. } = &arguments;
    let servers = Servers::new(metastore, pagestore, *timeout, *expect_refusals, Arc::clone(&tally))?;
    let volumes = Arc::new(Volumes::default());
    let stop = Arc::new(AtomicBool::new(false));
    stop_at_end_of_input(Arc::clone(&stop));

    let clients = spawn_clients(&arguments, &servers, &volumes, &stop);
    let mut outcome = tell_until_all_end(clients, "pushing", &tally).await?;
    if outcome.is_ok() {
        let rng = SmallRng::seed_from_u64(arguments.seed);
        let check = readback::read_everything_back(servers, volumes.all(), rng);
        outcome = tell_until_all_end(JoinSet::from_iter([check]), "reading back", &tally).await?;
    }
    let ended = match &outcome {
        Ok(()) => json!({ "state": "done", "volumes": volumes.all().len() }),
        Err(violation) => json!({ "state": "failed", "violation": violation.to_string() }),
    };
    say(tally.tell(ended))?;
    Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sets the flag once the standard input is at its end: whoever started this is done, or is no more.
fn stop_at_end_of_input(stop: Arc<AtomicBool>) {
    // A thread and no task: a read of the standard input can't be taken back, and would keep the runtime from ending.
    std::thread::spawn(move || {
        let mut sink = [0; 1024];
        while io::stdin().read(&mut sink).is_ok_and(|read| read > 0) {}
        stop.store(true, Ordering::Relaxed);
    });
}

fn spawn_clients(
    arguments: &Arguments,
    servers: &Servers,
    volumes: &Arc<Volumes>,
    stop: &Arc<AtomicBool>,
) -> JoinSet<Result<(), Violation>> {
    let mut clients = JoinSet::new();
    let mut seeds =
        (0..).map(|number| SmallRng::seed_from_u64(arguments.seed.wrapping_mul(1_000).wrapping_add(number)));
    let mut rng = || seeds.next().expect("numbers do not end");
    for _ in 0..arguments.writers {
        let group = Arc::new(Group::new(Arc::clone(volumes), arguments.commits_max, false));
        clients.spawn(pusher::push_until(servers.clone(), group, Arc::clone(stop), rng()));
    }
    let shared = Arc::new(Group::new(Arc::clone(volumes), arguments.commits_max, true));
    for _ in 0..arguments.racers {
        clients.spawn(pusher::push_until(servers.clone(), Arc::clone(&shared), Arc::clone(stop), rng()));
    }
    for _ in 0..arguments.readers {
        clients.spawn(reader::read_until(servers.clone(), Arc::clone(volumes), Arc::clone(stop), rng()));
    }
    clients
}

/// Tells how far it is until all tasks ended well, or one did not.
async fn tell_until_all_end(
    mut tasks: JoinSet<Result<(), Violation>>,
    state: &str,
    tally: &Tally,
) -> io::Result<Result<(), Violation>> {
    let mut progress = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            ended = tasks.join_next() => match ended {
                None => return Ok(Ok(())),
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(violation))) => return Ok(Err(violation)),
                Some(Err(error)) => return Ok(Err(Violation::Panicked(error))),
            },
            _ = progress.tick() => say(tally.tell(json!({ "state": state })))?,
        }
    }
}

/// A line on the standard output at once, for whoever waits for it.
fn say(line: serde_json::Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
