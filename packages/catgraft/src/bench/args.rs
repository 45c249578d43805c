//! The arguments that workloads share.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use catgraft_bench::{Encoding, History, Length, Load, Process, Schedule, Server, Servers, workload::At};
use clap::Args;

use crate::output::Output;

/// The servers.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The metastore: an address such as http://127.0.0.1:3001
    #[arg(long, value_name = "URL", env = "GRAFT_METASTORE", default_value = "http://127.0.0.1:3001")]
    metastore: String,
    /// The pagestore: an address such as http://127.0.0.1:3000
    #[arg(long, value_name = "URL", env = "GRAFT_PAGESTORE", default_value = "http://127.0.0.1:3000")]
    pagestore: String,
    /// File of the token that goes with every request
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Ask for answers in this coding: gzip, br or zstd
    #[arg(long, value_name = "CODING", value_parser = parse_encoding)]
    encoding: Option<Encoding>,
}

impl ServerArgs {
    /// The servers that they name.
    pub(super) fn servers(&self) -> Result<Servers> {
        let token = match &self.token_file {
            None => None,
            Some(path) => {
                let read = std::fs::read_to_string(path);
                Some(read.with_context(|| format!("cannot read the token in {}", path.display()))?)
            }
        };
        let server = |url: &str| Server::new(url, token.as_deref().map(str::trim), self.encoding);
        Ok(Servers { metastore: server(&self.metastore)?, pagestore: server(&self.pagestore)? })
    }
}

/// What the servers are, who is looked at, and how it is shown.
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    #[command(flatten)]
    pub(super) servers: ServerArgs,
    /// A process of this machine whose memory and processor time are told; may be given several times
    #[arg(long = "process", value_name = "NAME=PID")]
    processes: Vec<Process>,
    /// Threads that the clients share
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    #[command(flatten)]
    pub(super) output: Output,
}

impl WatchArgs {
    /// A load of so many requests, without warm-up.
    pub(super) fn load_of(&self, clients: usize, requests: u64) -> Load {
        self.load(clients, Duration::ZERO, Length::Requests(requests))
    }

    fn load(&self, clients: usize, warm_up: Duration, length: Length) -> Load {
        Load { clients, threads: self.threads, warm_up, length, processes: self.processes.clone() }
    }
}

/// How long it lasts.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// How long it is measured, such as 10s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Measure so many requests instead, however long they take
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    requests: Option<u64>,
    /// How long clients ask before it is measured
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    warm_up: Duration,
}

impl LoadArgs {
    /// The load of so many clients.
    pub(super) fn load(&self, clients: usize, watch: &WatchArgs) -> Load {
        let length = self.requests.map_or(Length::For(self.duration), Length::Requests);
        watch.load(clients, self.warm_up, length)
    }
}

/// How closely answers are looked at.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Compare one answer in so many byte for byte (64)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) check_one_in: Option<u64>,
    /// Look at nothing but the status, as for `bench ceiling`
    #[arg(long, conflicts_with = "check_one_in")]
    pub(super) no_checks: bool,
}

/// What a volume is made of.
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Commits of the volume; the first writes every page
    #[arg(long, value_name = "N", default_value_t = 2)]
    commits: u64,
    /// Pages of the volume
    #[arg(long, value_name = "N", default_value_t = 1024)]
    volume_pages: u32,
    /// Pages that each commit after the first writes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pages_per_commit: u32,
    /// Commits whose pages are written by one request, where the volume is made; more than 1 is faster, and less than real
    #[arg(long, value_name = "N", default_value_t = 1)]
    commits_per_write: u64,
    /// What contents and order are drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

impl HistoryArgs {
    /// The history that they describe.
    pub(super) fn history(&self) -> Result<History> {
        let schedule = Schedule::new(self.seed, self.volume_pages, self.pages_per_commit)?;
        Ok(History { schedule, commits: self.commits, commits_per_write: self.commits_per_write })
    }
}

/// `head`, `random` or an LSN.
pub(super) fn parse_at(text: &str) -> Result<At, String> {
    match text {
        "head" => Ok(At::Head),
        "random" => Ok(At::Random),
        _ => text.parse().map(At::Lsn).map_err(|_| "it is head, random or an LSN".to_owned()),
    }
}

fn parse_encoding(text: &str) -> Result<Encoding, String> {
    Encoding::from_token(text).ok_or_else(|| "a coding is gzip, br or zstd".to_owned())
}
