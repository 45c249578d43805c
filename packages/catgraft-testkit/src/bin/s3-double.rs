//! An S3 double as a process of its own, so that any client can be pointed at it. Objects live in its memory and end
//! with it.

use std::{
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};

use bytes::Bytes;
use catgraft_testkit::s3::{Delay, FaultRule, Latency, S3Double, S3Options, S3Status};
use clap::{Parser, Subcommand, ValueEnum};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::TcpStream,
    signal::unix::{SignalKind, signal},
};

const COMMANDS: &str = "\
Commands, over HTTP with JSON, at --control:
  curl $CONTROL/status
  curl $CONTROL/faults -d '{\"fault\": \"slow_down\", \"call\": \"put\", \"times\": 2}'
  curl $CONTROL/faults -d '{\"fault\": {\"slow\": 500}, \"key\": \"segments/5v\", \"chance\": 0.1}'
  curl -X DELETE $CONTROL/faults
  curl $CONTROL/switches -d '{\"frozen\": true}'
  curl $CONTROL/latency -d '{\"get\": {\"p50_ms\": 25, \"p99_ms\": 90}}'

Faults: internal_error, slow_down, timeout_before, timeout_after, cut_request, cut_answer, truncate, flip_bit,
{\"slow\": milliseconds}. A rule also takes call (put, get, head, delete, list, head_bucket), key (a part of it),
skip, times and chance. Switches: frozen, bucket_gone, credentials_revoked, list_stale.";

/// An S3 server that keeps objects in memory, for tests: as slow and as faulty as it is told to be.
///
/// It prints where it listens, and with --control in a second line where it takes commands. When it is told to stop
/// (SIGINT, SIGTERM), it prints what it did.
#[derive(Parser)]
#[command(after_help = COMMANDS, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Prints what a running double tells of itself.
    Status {
        /// Where it takes commands, as it printed it.
        control: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
struct Serve {
    /// Where to listen; port 0 takes any that is free.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Where to take commands; port 0 takes any that is free.
    #[arg(long)]
    control: Option<SocketAddr>,
    /// The one bucket there is.
    #[arg(long, default_value = "catgraft")]
    bucket: String,
    /// The access key that clients must sign with.
    #[arg(long, default_value = "double")]
    access_key: String,
    /// The secret that belongs to the access key.
    #[arg(long, default_value = "double-secret")]
    secret_key: String,
    /// How slow it is: not at all, or as S3 in its region (PUT 28 ms, one in a hundred 75; GET 25 and 90; 29 MB/s a
    /// connection).
    #[arg(long, value_enum, default_value = "none")]
    latency: Profile,
    /// Every PUT and DELETE waits this long, such as 28ms.
    #[arg(long, value_parser = humantime::parse_duration)]
    put_latency: Option<Duration>,
    /// Every other request waits this long, such as 25ms.
    #[arg(long, value_parser = humantime::parse_duration)]
    get_latency: Option<Duration>,
    /// Bytes that a connection carries in a second, each way.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    bytes_per_second: Option<u64>,
    /// What waits, chances and flipped bits are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A fault from the start, as JSON; may be given several times.
    #[arg(long, value_name = "RULE", value_parser = rule)]
    fault: Vec<FaultRule>,
    /// Print JSON: one line when it listens, one when it ends.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Profile {
    None,
    S3,
}

fn rule(text: &str) -> Result<FaultRule, String> {
    let rule: FaultRule = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match rule.chance {
        0.0..=1.0 => Ok(rule),
        chance => Err(format!("chance is {chance}: it must be a number from 0 to 1")),
    }
}

impl Serve {
    fn latency(&self) -> Latency {
        let profile = match self.latency {
            Profile::None => Latency::NONE,
            Profile::S3 => Latency::S3,
        };
        Latency {
            put: self.put_latency.map_or(profile.put, Delay::fixed),
            get: self.get_latency.map_or(profile.get, Delay::fixed),
            bytes_per_second: self.bytes_per_second.or(profile.bytes_per_second),
        }
    }
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a program tells its user why it ends")]
async fn main() -> ExitCode {
    let Arguments { command, serve: arguments } = Arguments::parse();
    let outcome = match command {
        Some(Command::Status { control, json }) => print_status(&control, json).await,
        None => serve(arguments).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("s3-double: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A line on the standard output at once, for whoever waits for it.
fn say(text: impl std::fmt::Display) -> Result<(), String> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| format!("cannot print: {error}"))
}

async fn serve(arguments: Serve) -> Result<(), String> {
    let latency = arguments.latency();
    let Serve { listen, control, bucket, access_key, secret_key, seed, fault, json, .. } = arguments;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| format!("cannot hear signals: {error}"))?;
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| format!("cannot hear signals: {error}"))?;
    let options = S3Options { listen, control, bucket, access_key, secret_key, latency, seed };
    let double = S3Double::start_with(options).await.map_err(|error| {
        let control = control.map(|control| format!(" and {control}")).unwrap_or_default();
        format!("cannot listen on {listen}{control}: {error}")
    })?;
    for rule in fault {
        double.inject(rule);
    }
    if json {
        say(json!({ "url": double.url(), "control": double.control_url() }))?;
    } else {
        say(double.url())?;
        if let Some(control) = double.control_url() {
            say(control)?;
        }
    }
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    print(&double.status(), json)
}

fn print(status: &S3Status, json: bool) -> Result<(), String> {
    if json { say(json!(status)) } else { say(status.to_string().trim_end()) }
}

async fn print_status(control: &str, json: bool) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot ask {control}: {error}");
    let address = control.trim_start_matches("http://").trim_end_matches('/');
    let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let connection = tokio::spawn(connection);
    let request = Request::get("/status").header("host", address).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| failed(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let body = answer.into_body().collect().await.map_err(|error| failed(&error))?.to_bytes();
    connection.abort();
    let status = serde_json::from_slice(&body).map_err(|error| failed(&error))?;
    print(&status, json)
}
