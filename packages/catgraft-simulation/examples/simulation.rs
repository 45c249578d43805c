//! Simulates seeds, as many as one likes, and tells the first that breaks a promise.
//!
//! An example and no program, so that the services are never built with a clock that can be paused.

use std::{
    io::{self, IsTerminal as _, Write as _},
    ops::Range,
    process::ExitCode,
    time::{Duration, Instant},
};

use catgraft_simulation::{Counts, Options, Report, simulate};
use clap::Parser;
use serde_json::json;

/// Time between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Simulates CatGraft: two metastores, two pagestores and some clients, with faults, crashes and restarts that a seed decides.
///
/// Prints what happened in all seeds together. Ends with 1 at the first seed that breaks a promise, and says how to repeat it.
#[derive(Debug, Parser)]
struct Arguments {
    /// One seed, told step by step on the standard error.
    #[arg(long, conflicts_with_all = ["seeds", "count"])]
    seed: Option<u64>,
    /// These seeds, such as 1000..2000, the last of which is left out.
    #[arg(long, value_parser = range, conflicts_with = "count")]
    seeds: Option<Range<u64>>,
    /// So many seeds, from 0 on.
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// Go on after a seed that breaks a promise.
    #[arg(long)]
    keep_going: bool,
    /// Print JSON: a line for each seed that breaks a promise, and one for all together.
    #[arg(long)]
    json: bool,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let parts = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parts.filter(|range| !range.is_empty()).ok_or_else(|| format!("{text:?} is no range of seeds: write 1000..2000"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "simulation: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let seeds = match arguments.seed {
        Some(seed) => seed..seed + 1,
        None => arguments.seeds.clone().unwrap_or(0..arguments.count),
    };
    let options = Options { keep_trace: arguments.seed.is_some(), ..Options::default() };
    let (started, total) = (Instant::now(), seeds.end - seeds.start);
    let (mut counts, mut broken, mut done, mut simulated) = (Counts::default(), 0_u64, 0_u64, 0_u64);
    let (mut told, mut hash) = (started, 0_u64);
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let report = simulate(runtime, seed, options);
        (done, simulated) = (done + 1, simulated + report.simulated_seconds);
        counts += report.counts;
        hash = hash.rotate_left(1) ^ report.hash;
        for line in &report.trace {
            writeln!(io::stderr(), "{line}")?;
        }
        if report.violation.is_some() {
            broken += 1;
            tell_broken(arguments, &report)?;
            if !arguments.keep_going {
                break;
            }
        }
        if io::stderr().is_terminal() && told.elapsed() > PROGRESS_INTERVAL {
            told = Instant::now();
            write!(io::stderr(), "\r{done} of {total} seeds, {} commits", counts.acknowledged)?;
        }
    }
    if io::stderr().is_terminal() {
        writeln!(io::stderr())?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let summary = json!({
        "seeds": done, "broken": broken, "hash": format!("{hash:016x}"), "seconds": seconds, "simulated_seconds": simulated, "counts": counts
    });
    match arguments.json {
        true => writeln!(io::stdout(), "{summary}")?,
        false => writeln!(io::stdout(), "{summary:#}")?,
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell_broken(arguments: &Arguments, report: &Report) -> io::Result<()> {
    if arguments.json {
        return writeln!(io::stdout(), "{}", json!(report));
    }
    let (seed, violation) = (report.seed, report.violation.as_deref().unwrap_or_default());
    writeln!(io::stdout(), "seed {seed}: {violation}")?;
    writeln!(io::stdout(), "again: cargo run --locked --example simulation -- --seed {seed}")
}
