//! The table of targets: what each row measures, what has to be reached, and what was.
//!
//! The names of the measurements are the contract with `infrastructure/scripts/bench`, which makes them; those that are
//! held against each other, and those of what happens once after a start, are made in rounds, of which the median counts, and
//! of slow pushes the most.
//! The figures of Graft 0.1.5 and the targets are as they were set; they were measured once and are quoted.

use serde::Serialize;

use super::results::Results;

/// Least part of its rate that a read keeps with a long history, and of each figure that stays with many volumes beside it.
const SLOWER_MAX: f64 = 0.9;

/// A row of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What was done.
    pub work: &'static str,
    /// What Graft 0.1.5 reaches, as it was measured when the targets were set.
    pub graft: &'static str,
    /// What has to be reached.
    pub target: &'static str,
    /// What was measured; none where it was not.
    pub measured: Option<String>,
    /// What the server of constants reached in the same run.
    pub ceiling: Option<String>,
    /// Was the target reached?
    pub reached: Option<bool>,
}

/// What was measured, and whether it is enough.
type Judged = Option<(String, bool)>;

/// Every row.
pub(super) fn all(results: &Results) -> Vec<Found> {
    let row = |work, graft, target, judged: Judged, ceiling| {
        let (measured, reached) = judged.unzip();
        Found { work, graft, target, measured, ceiling, reached }
    };
    let rate = |name| results.rate(name).map(thousands);
    let mebibytes = |name| results.mebibytes(name).map(|rate| format!("{rate:.0} MiB/s"));
    vec![
        row(
            "push of 16 pages, 1 client, Postgres with fsync: p50",
            "1001 ms",
            "4 ms",
            push_p50(results, "push-postgres-1", 4.0),
            p50(results, "push-ceiling-1"),
        ),
        row(
            "the same on the embedded catalog: p50",
            "",
            "3 ms",
            push_p50(results, "push-embedded-1", 3.0),
            p50(results, "push-ceiling-1"),
        ),
        row(
            "push of 16 pages, 32 clients on 32 volumes",
            "8.8/s",
            "2,500/s, p99 < 60 ms",
            push_rate(results, "push-postgres-32"),
            rate("push-ceiling-32"),
        ),
        row(
            "the same on the embedded catalog",
            "",
            "no target",
            push_rate(results, "push-embedded-32").map(|(measured, _)| (measured, true)),
            rate("push-ceiling-32"),
        ),
        row(
            "push of 400 pages, 8 clients",
            "6.4 MiB/s",
            "250 MiB/s",
            push_mebibytes(results, "push400-postgres-8", 250.0),
            mebibytes("push400-ceiling-8"),
        ),
        row(
            "one push of 1 GiB",
            "fails above 2 MB",
            "≥ 200 MiB/s, < 200 MiB extra memory",
            large_push(results),
            mebibytes("large-ceiling"),
        ),
        row(
            "read of 1 random page at head, 8 clients: 2 / 20 / 100 / 10,000 / 100,000 commits",
            "39.4k / 20.2k / 9.3k a second",
            "45,000/s, and within 10 % of the first",
            reads(results, "head", SLOWER_MAX),
            rate("read-ceiling"),
        ),
        row(
            "the same at random older LSNs; of 100,000 commits, a page cache of 64 MiB holds one version in six",
            "",
            "45,000/s",
            reads(results, "random", 0.0),
            rate("read-ceiling"),
        ),
        row(
            "the same of 100,000 commits, with a page cache of 1 GiB, which holds all versions",
            "",
            "no target",
            read_from_memory(results),
            rate("read-ceiling"),
        ),
        row(
            "read of 64 random pages, 8 clients",
            "4.4k/s",
            "9,000/s",
            at_least(results.rate("read64-head-100"), 9000.0, thousands),
            rate("read64-ceiling"),
        ),
        row(
            "idle poll, 16 clients",
            "18.8k/s",
            "45,000/s, no request to the store and none to the catalog",
            poll(results),
            rate("poll-ceiling"),
        ),
        row(
            "`pull_graft` over 100,000 missed commits after a start: first / next",
            "one GET a commit",
            "< 200 ms / < 20 ms",
            pull(results),
            None,
        ),
        row(
            "first read of one page after a restart: 1 GiB, 10,000 commits, store with 25 ms GET",
            "a whole 16 MiB segment",
            "≤ 3 GETs, ≤ 256 KiB, ≤ 100 ms",
            first_read(results),
            Some("25 ms".to_owned()),
        ),
        row(
            "start of the metastore, embedded: p50",
            "",
            "< 15 ms",
            start(results, "start-metastore-embedded", 15.0),
            None,
        ),
        row(
            "start of the metastore, Postgres: p50",
            "",
            "< 30 ms",
            start(results, "start-metastore-postgres", 30.0),
            None,
        ),
        row("start of the pagestore: p50", "", "< 30 ms", start(results, "start-pagestore", 30.0), None),
        row(
            "memory of metastore / pagestore, idle, 1,000 volumes known",
            "",
            "< 40 MiB each",
            memory(results, "memory-idle", 40),
            None,
        ),
        row(
            "the same while 32 clients push for two minutes: peak",
            "",
            "< 200 MiB each",
            memory(results, "memory-push", 200),
            None,
        ),
        row(
            "100,000 volumes of 10 commits beside it: push 1 and 32, read, poll, against without",
            "",
            "within 10 %",
            many(results),
            None,
        ),
    ]
}

fn at_least(found: Option<f64>, target: f64, show: impl Fn(f64) -> String) -> Judged {
    found.map(|found| (show(found), found >= target))
}

fn p50(results: &Results, name: &str) -> Option<String> {
    results.percentile(name, "push", |latency| latency.p50_us).map(|p50| milliseconds(p50.median()))
}

fn push_p50(results: &Results, name: &str, target_ms: f64) -> Judged {
    let p50 = results.percentile(name, "push", |latency| latency.p50_us)?.median();
    let p99 = results.percentile(name, "push", |latency| latency.p99_us)?.median();
    Some((format!("{} (p99 {})", milliseconds(p50), milliseconds(p99)), p50 <= target_ms * 1000.0))
}

/// Each round has to keep the p99.
fn push_rate(results: &Results, name: &str) -> Judged {
    let rate = results.rate(name)?;
    let p99 = results.percentile(name, "push", |latency| latency.p99_us)?;
    let (median, max) = (milliseconds(p99.median()), milliseconds(p99.max()));
    let shown = format!("{}, p99 {median} (at most {max} in a round)", thousands(rate));
    Some((shown, rate >= 2500.0 && p99.max() < 60_000.0))
}

fn push_mebibytes(results: &Results, name: &str, target: f64) -> Judged {
    at_least(results.mebibytes(name), target, |rate| format!("{rate:.0} MiB/s"))
}

fn large_push(results: &Results) -> Judged {
    let rate = results.mebibytes("large-postgres")?;
    let extra = results.figures("large-postgres")?.processes.iter();
    let extra = extra.map(|process| process.memory_peak_bytes.saturating_sub(process.memory_before_bytes) >> 20);
    let extra = extra.max()?;
    Some((format!("{rate:.0} MiB/s, {extra} MiB extra"), rate >= 200.0 && extra < 200))
}

/// Commits of the histories that reads are measured with, as in the names of the measurements.
pub(super) const HISTORIES: [u32; 5] = [2, 20, 100, 10_000, 100_000];

/// The rate with every history, each of which has to be at least this part of that with the shortest.
fn reads(results: &Results, at: &str, part_min: f64) -> Judged {
    let rates: Vec<Option<f64>> =
        HISTORIES.into_iter().map(|commits| results.rate(&format!("read-{at}-{commits}"))).collect();
    let slowest = rates.iter().copied().flatten().reduce(f64::min)?;
    let shortest = rates.iter().copied().flatten().next()?;
    let shown: Vec<String> =
        rates.iter().map(|rate| rate.map_or("–".to_owned(), |rate| format!("{:.1}k", rate / 1e3))).collect();
    Some((format!("{} a second", shown.join(" / ")), slowest >= 45_000.0 && slowest >= shortest * part_min))
}

/// Reads of any version of a long history, none of which has to be fetched: as a part of the rate with the shortest one.
fn read_from_memory(results: &Results) -> Judged {
    let (cached, shortest) = (results.rate("read-random-cached")?, results.rate("read-random-2")?);
    Some((format!("{}, {:.0} % of that with 2 commits", thousands(cached), cached / shortest * 100.0), true))
}

fn poll(results: &Results) -> Judged {
    let rate = results.rate("poll-postgres")?;
    let store = results.counted("poll-postgres", "pagestore", "catgraft_objectstore_requests_total").unwrap_or(0.0);
    let from_memory = results.counted("poll-postgres", "metastore", "catgraft_polls_from_memory_total")?;
    let answered = results.counted("poll-postgres", "metastore", "catgraft_requests_total")?;
    // The services ask one another whether they are ready, which is counted too.
    let elsewhere = answered - from_memory;
    let shown = format!("{}, {store} to the store, {elsewhere} to the catalog", thousands(rate));
    Some((shown, rate >= 45_000.0 && store == 0.0 && elsewhere == 0.0))
}

/// Both after each of several starts.
fn pull(results: &Results) -> Judged {
    const NAME: &str = "pull-postgres";
    let after_starts = |of| results.percentile(NAME, of, |latency| latency.p50_us);
    let (first, next) = (after_starts("first")?, after_starts("next")?);
    let shown = format!(
        "{} (max {}) / {}",
        milliseconds(first.median()),
        milliseconds(first.max()),
        milliseconds(next.median())
    );
    Some((shown, first.median() < 200_000.0 && next.median() < 20_000.0))
}

/// After each of several starts.
fn first_read(results: &Results) -> Judged {
    const NAME: &str = "first-read";
    const GETS: &str = "catgraft_objectstore_requests_total{verb=\"get";
    const BYTES: &str = "catgraft_objectstore_bytes_total{verb=\"get";
    let time = results.percentile(NAME, "read_pages", |latency| latency.max_us)?;
    let gets = results.in_rounds(NAME, |name| results.counted(name, "pagestore", GETS))?.max();
    let bytes = results.in_rounds(NAME, |name| results.counted(name, "pagestore", BYTES))?.max();
    let (median, max) = (milliseconds(time.median()), milliseconds(time.max()));
    let shown = format!("{gets} GETs, {:.0} KiB, {median} (max {max})", bytes / 1024.0);
    Some((shown, gets <= 3.0 && bytes <= 256.0 * 1024.0 && time.median() <= 100_000.0))
}

fn start(results: &Results, name: &str, target_ms: f64) -> Judged {
    let latency = results.latency(name, "ready")?;
    let shown = format!("{} (max {})", milliseconds(latency.p50_us), milliseconds(latency.max_us));
    Some((shown, latency.p50_us < target_ms * 1000.0))
}

fn memory(results: &Results, name: &str, target: u64) -> Judged {
    let processes = &results.figures(name)?.processes;
    let peak = |process: &crate::ProcessFigures| process.memory_peak_bytes >> 20;
    let shown: Vec<String> = processes.iter().map(|process| format!("{} MiB", peak(process))).collect();
    let is_within = processes.iter().all(|process| peak(process) < target);
    (!shown.is_empty()).then(|| (shown.join(" / "), is_within))
}

/// Each of the figures with many volumes, as a part of the one without.
fn many(results: &Results) -> Judged {
    let rate = |beside: &str, name: &str| results.rate(&format!("{beside}-{name}"));
    let faster = |name: &str| Some(rate("many", name)? / rate("alone", name)?);
    let names = ["push-1", "push-32", "read-100", "poll"];
    let parts: Vec<f64> = names.into_iter().filter_map(faster).collect();
    let shown: Vec<String> = parts.iter().map(|part| format!("{:+.0} %", (part - 1.0) * 100.0)).collect();
    (parts.len() == names.len()).then(|| (shown.join(" / "), parts.iter().all(|part| *part >= SLOWER_MAX)))
}

fn milliseconds(micros: f64) -> String {
    let milliseconds = micros / 1000.0;
    if milliseconds < 10.0 { format!("{milliseconds:.2} ms") } else { format!("{milliseconds:.0} ms") }
}

/// A rate a second, with its thousands apart.
fn thousands(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{}/s", groups.join(","))
}
