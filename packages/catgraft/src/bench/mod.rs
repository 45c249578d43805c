//! `catgraft bench`: workloads against any Graft v1 server, and the server of constants that says what a machine can do.
//!
//! Here is only what is asked and how it is shown; what a workload does is in `catgraft-bench`. A run with errors ends with
//! exit code 1, after it has been shown.

mod args;
mod show;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Result;
use catgraft_bench::{
    Ceiling, Checks, Outcome, Process, Server, StartOptions, report,
    workload::{self, At, FillOptions, PollOptions, PullOptions, PushOptions, ReadOptions, Subject},
};
use catgraft_core::{Clock as _, SystemClock, VolumeId};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::output::{Output, human_time};
use args::{CheckArgs, HistoryArgs, LoadArgs, ServerArgs};

const EXAMPLES: &str = "\
Examples:
  catgraft bench push --clients 32
  catgraft bench read --commits 100 --clients 8
  catgraft bench prepare --commits 10000 --json
  catgraft bench read --commits 10000 --volume VID --at random
  catgraft bench poll --clients 16 --process metastore=$(pidof metastore)
  catgraft bench ceiling --listen 127.0.0.1:3009";

/// Measure a server: pushes, reads, polls and pulls, with latencies and the server's own counters
///
/// Any server of the Graft v1 protocol, by URL. Volumes are made as they are needed, with contents that are known, and
/// answers are compared with them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    Push(PushArgs),
    Read(ReadArgs),
    Poll(PollArgs),
    Pull(PullArgs),
    Prepare(PrepareArgs),
    Fill(FillArgs),
    Start(StartArgs),
    Memory(MemoryArgs),
    Ceiling(CeilingArgs),
    Report(ReportArgs),
}

/// Push transactions: write_pages and commit, each client on a volume of its own
#[derive(Debug, Args)]
struct PushArgs {
    /// Pages of a push
    #[arg(long, value_name = "N", default_value_t = 16)]
    pages: u32,
    /// Pages of the volume; where a push has as many, each push is a new volume
    #[arg(long, value_name = "N", default_value_t = 1024)]
    volume_pages: u32,
    /// What contents and order are drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Clients that push at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    clients: usize,
    #[command(flatten)]
    checks: CheckArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Read random pages of a volume with a history
#[derive(Debug, Args)]
struct ReadArgs {
    /// Pages of a read
    #[arg(long, value_name = "N", default_value_t = 1)]
    pages: u32,
    /// As they were when: head, random (each read at another LSN), or an LSN
    #[arg(long, value_name = "WHEN", default_value = "head", value_parser = args::parse_at)]
    at: At,
    #[command(flatten)]
    history: HistoryArgs,
    /// The volume, made by `prepare` with the same history; without it, one is made
    #[arg(long, value_name = "VID")]
    volume: Option<VolumeId>,
    /// Clients that read at the same time
    #[arg(long, value_name = "N", default_value_t = 8)]
    clients: usize,
    #[command(flatten)]
    checks: CheckArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Poll for news where there is none: pull_graft past the head
#[derive(Debug, Args)]
struct PollArgs {
    /// Volumes of each client, polled one after the other
    #[arg(long, value_name = "N", default_value_t = 1)]
    volumes: usize,
    /// Clients that poll at the same time
    #[arg(long, value_name = "N", default_value_t = 16)]
    clients: usize,
    #[command(flatten)]
    checks: CheckArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Pull what many missed commits changed; the first answer is told apart from the next ones
#[derive(Debug, Args)]
struct PullArgs {
    /// Commits that were missed; without it, all but the first
    #[arg(long, value_name = "N")]
    missed: Option<u64>,
    #[command(flatten)]
    history: HistoryArgs,
    /// The volume, made by `prepare` with the same history; without it, one is made
    #[arg(long, value_name = "VID")]
    volume: Option<VolumeId>,
    /// Clients that pull at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    clients: usize,
    #[command(flatten)]
    checks: CheckArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Make a volume with a history, and print its id
#[derive(Debug, Args)]
struct PrepareArgs {
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    output: Output,
}

/// Make many volumes with a short history each
#[derive(Debug, Args)]
struct FillArgs {
    /// Volumes to make
    #[arg(long, value_name = "N")]
    volumes: u64,
    #[command(flatten)]
    history: HistoryArgs,
    /// Volumes that are made at the same time
    #[arg(long, value_name = "N", default_value_t = 32)]
    clients: usize,
    #[command(flatten)]
    checks: CheckArgs,
    #[command(flatten)]
    common: args::WatchArgs,
}

/// Start a program again and again, and time it to the first 200 on /ready
#[derive(Debug, Args)]
struct StartArgs {
    /// Where the program will answer, an address such as http://127.0.0.1:3001
    #[arg(long, value_name = "URL")]
    server: String,
    /// How often it is started
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    #[command(flatten)]
    output: Output,
    /// The program and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// Tell the memory of processes
#[derive(Debug, Args)]
struct MemoryArgs {
    /// A process of this machine; may be given several times
    #[arg(long = "process", value_name = "NAME=PID", required = true)]
    processes: Vec<Process>,
    #[command(flatten)]
    output: Output,
}

/// Write the report of a folder of results, as infrastructure/scripts/bench makes it
#[derive(Debug, Args)]
struct ReportArgs {
    /// The folder: results/*.json and commands.txt in it are read, report.md, report.json and two plots are written
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The commit that was measured
    #[arg(long, value_name = "COMMIT")]
    commit: Option<String>,
    /// It was a short run, which says nothing of the targets
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    output: Output,
}

/// Serve constants: what this machine could do at most
///
/// A server that parses HTTP and answers constants, with the settings of the services. Point a workload at it, for both
/// services, with --no-checks. Ctrl-C stops it.
#[derive(Debug, Args)]
struct CeilingArgs {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3009")]
    listen: SocketAddr,
    /// Pages that a read is answered with
    #[arg(long, value_name = "N", default_value_t = 1)]
    read_pages: u32,
    /// Pages that a push is said to hold
    #[arg(long, value_name = "N", default_value_t = 16)]
    write_pages: u32,
    #[command(flatten)]
    output: Output,
}

/// What all workloads take that last as long as they are told.
#[derive(Debug, Args)]
struct CommonArgs {
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    watch: args::WatchArgs,
}

/// Measures, and shows what was found.
pub(crate) fn run(args: BenchArgs) -> Result<ExitCode> {
    let (output, outcome) = match args.command {
        BenchCommand::Push(args) => (args.common.watch.output, push(&args)?),
        BenchCommand::Read(args) => (args.common.watch.output, read(&args)?),
        BenchCommand::Poll(args) => (args.common.watch.output, poll(&args)?),
        BenchCommand::Pull(args) => (args.common.watch.output, pull(&args)?),
        BenchCommand::Fill(args) => (args.common.output, fill(&args)?),
        BenchCommand::Start(args) => (args.output, start(args)?),
        BenchCommand::Memory(args) => (args.output, catgraft_bench::memory(&args.processes)?),
        BenchCommand::Prepare(args) => return prepare(&args),
        BenchCommand::Report(args) => return write_report(&args),
        BenchCommand::Ceiling(args) => return ceiling(&args),
    };
    output.show(&outcome, || show::human(&outcome))?;
    Ok(if outcome.figures.errors.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn push(args: &PushArgs) -> Result<Outcome> {
    let PushArgs { pages, volume_pages, seed, clients, checks, common } = args;
    let checks = checks.checks();
    let options = PushOptions { pages: *pages, volume_pages: *volume_pages, seed: *seed, checks };
    Ok(workload::push(&options, &common.load(*clients), &common.watch.servers.servers()?)?)
}

fn read(args: &ReadArgs) -> Result<Outcome> {
    let ReadArgs { pages, at, history, volume, clients, checks, common } = args;
    let subject = Subject { history: history.history()?, vid: *volume };
    let options = ReadOptions { pages: *pages, at: *at, subject, checks: checks.checks() };
    Ok(workload::read(&options, &common.load(*clients), &common.watch.servers.servers()?)?)
}

fn poll(args: &PollArgs) -> Result<Outcome> {
    let PollArgs { volumes, clients, checks, common } = args;
    let options = PollOptions { volumes: *volumes, checks: checks.checks() };
    Ok(workload::poll(&options, &common.load(*clients), &common.watch.servers.servers()?)?)
}

fn pull(args: &PullArgs) -> Result<Outcome> {
    let PullArgs { missed, history, volume, clients, checks, common } = args;
    let history = history.history()?;
    let missed = missed.unwrap_or_else(|| history.commits.saturating_sub(1).max(1));
    let options = PullOptions { missed, subject: Subject { history, vid: *volume }, checks: checks.checks() };
    Ok(workload::pull(&options, &common.load(*clients), &common.watch.servers.servers()?)?)
}

fn fill(args: &FillArgs) -> Result<Outcome> {
    let FillArgs { volumes, history, clients, checks, common } = args;
    let options = FillOptions { history: history.history()?, checks: checks.checks() };
    Ok(workload::fill(&options, &common.load_of(*clients, *volumes), &common.servers.servers()?)?)
}

fn start(args: StartArgs) -> Result<Outcome> {
    let server = Server::new(&args.server, None, None)?;
    Ok(catgraft_bench::start(&StartOptions { program: args.program, server, runs: args.runs })?)
}

fn write_report(args: &ReportArgs) -> Result<ExitCode> {
    let date = human_time(SystemClock.now());
    let about = report::About { date, commit: args.commit.clone(), quick: args.quick };
    let (report, files) = report::write(&args.folder, about)?;
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    args.output.show(&json!({ "rows": report.rows, "files": files }), || files.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn prepare(args: &PrepareArgs) -> Result<ExitCode> {
    let history = args.history.history()?;
    let vid = workload::prepare(&history, &args.servers.servers()?)?.to_string();
    let value = json!({
        "volume": vid,
        "commits": history.commits,
        "volume_pages": history.schedule.pages(),
        "pages_per_commit": history.schedule.pages_per_commit(),
        "seed": history.schedule.seed(),
    });
    args.output.show(&value, || vid.clone())?;
    Ok(ExitCode::SUCCESS)
}

fn ceiling(args: &CeilingArgs) -> Result<ExitCode> {
    let ceiling = Ceiling::bind(args.listen, args.read_pages, args.write_pages)?;
    let url = format!("http://{}", ceiling.address());
    args.output.show(&json!({ "url": url }), || url.clone())?;
    ceiling.run()?;
    Ok(ExitCode::SUCCESS)
}

impl CommonArgs {
    fn load(&self, clients: usize) -> catgraft_bench::Load {
        self.load.load(clients, &self.watch)
    }
}

/// How closely answers are looked at, unless told otherwise.
const CHECK_ONE_IN: u64 = 64;

impl CheckArgs {
    fn checks(&self) -> Checks {
        if self.no_checks { Checks::Off } else { Checks::OneIn(self.check_one_in.unwrap_or(CHECK_ONE_IN)) }
    }
}
