//! Reports of made-up results.

use std::{collections::BTreeMap, fs};

use super::{About, Machine, plot, results::Results, rows, write};
use crate::{Errors, Figures, Outcome, Percentiles, ProcessFigures, result::Latency};

fn outcome(figures: Figures) -> Outcome {
    Outcome { workload: "any".to_owned(), settings: BTreeMap::new(), figures }
}

fn rate(per_second: f64) -> Outcome {
    outcome(Figures { per_second, requests: 1, ..Figures::default() })
}

fn latency(of: &str, p50_us: f64, p99_us: f64) -> Vec<Latency> {
    let percentiles = Percentiles { p50_us, p99_us, max_us: p99_us, ..Percentiles::default() };
    vec![Latency { of: of.to_owned(), count: 10, percentiles }]
}

/// What the row says that begins so.
fn row(results: &Results, work: &str) -> (Option<String>, Option<bool>) {
    let found = rows::all(results).into_iter().find(|row| row.work.starts_with(work)).unwrap();
    (found.measured, found.reached)
}

#[test]
fn without_results_nothing_is_claimed() {
    let rows = rows::all(&Results::default());
    assert!(rows.iter().all(|row| row.measured.is_none() && row.reached.is_none()), "{rows:?}");
}

#[test]
fn pushes_need_rate_and_latency() {
    let push = |rounds: [(f64, f64); 3]| {
        let of = |per_second, p99_us| {
            let latencies = latency("push", 900.0, p99_us);
            outcome(Figures { per_second, latencies, ..Figures::default() })
        };
        let named = |(round, (rate, p99))| (format!("push-postgres-32-round-{round}"), of(rate, p99));
        Results::of((1..).zip(rounds).map(named))
    };
    let work = "push of 16 pages, 32 clients";
    let found = row(&push([(2400.0, 59_000.0), (2600.4, 20_000.0), (2700.0, 21_000.0)]), work);
    assert_eq!(found, (Some("2,600/s, p99 21 ms (at most 59 ms in a round)".to_owned()), Some(true)));
    let slow_once = push([(2600.0, 61_000.0), (2600.0, 20_000.0), (2600.0, 20_000.0)]);
    assert_eq!(row(&slow_once, work).1, Some(false), "a round with slow pushes is not left out");
    let few = push([(2400.0, 20_000.0), (2400.0, 20_000.0), (2700.0, 20_000.0)]);
    assert_eq!(row(&few, work).1, Some(false));
}

#[test]
fn the_latency_of_one_client_is_that_of_the_median_round() {
    let rounds = |p50s: [f64; 3]| {
        let of = |p50_us| outcome(Figures { latencies: latency("push", p50_us, 5_000.0), ..Figures::default() });
        Results::of((1..).zip(p50s).map(|(round, p50)| (format!("push-postgres-1-round-{round}"), of(p50))))
    };
    let work = "push of 16 pages, 1 client";
    let found = row(&rounds([9_000.0, 2_000.0, 3_000.0]), work);
    assert_eq!(found, (Some("3.00 ms (p99 5.00 ms)".to_owned()), Some(true)));
    assert_eq!(row(&rounds([9_000.0, 2_000.0, 4_001.0]), work).1, Some(false));
}

#[test]
fn reads_need_their_rate_at_every_length_of_history() {
    let reads = |long| Results::of([("read-head-2", rate(50_000.0)), ("read-head-100000", rate(long))]);
    let work = "read of 1 random page at head";
    let (measured, reached) = row(&reads(46_000.0), work);
    assert_eq!(measured.as_deref(), Some("50.0k / – / – / – / 46.0k a second"));
    assert_eq!(reached, Some(true));
    assert_eq!(row(&reads(44_999.0), work).1, Some(false));
    assert_eq!(row(&reads(90_000.0), work).1, Some(true), "a long history may be read faster");
    let slower = Results::of([("read-head-2", rate(60_000.0)), ("read-head-100000", rate(50_000.0))]);
    assert_eq!(row(&slower, work).1, Some(false), "10 % is the most that a long history may cost");
}

#[test]
fn old_versions_need_their_rate_and_what_a_full_cache_costs_is_told_beside() {
    let reads = |long| {
        let rates = [("read-random-2", 80_000.0), ("read-random-100000", long), ("read-random-cached", 72_000.0)];
        Results::of(rates.map(|(name, per_second)| (name, rate(per_second))))
    };
    let work = "the same at random older LSNs";
    assert_eq!((row(&reads(45_000.0), work).1, row(&reads(44_999.0), work).1), (Some(true), Some(false)));
    let cached = row(&reads(45_000.0), "the same of 100,000 commits").0;
    assert_eq!(cached.as_deref(), Some("72,000/s, 90 % of that with 2 commits"));
}

#[test]
fn polls_may_ask_neither_store_nor_catalog() {
    let polls = |from_memory: f64, gets: f64| {
        let metastore = BTreeMap::from([
            ("catgraft_polls_from_memory_total".to_owned(), from_memory),
            ("catgraft_requests_total{call=\"pull_graft\",status=\"404\"}".to_owned(), 500_000.0),
        ]);
        let pagestore = BTreeMap::from([("catgraft_objectstore_requests_total{verb=\"get\"}".to_owned(), gets)]);
        let counters = BTreeMap::from([("metastore".to_owned(), metastore), ("pagestore".to_owned(), pagestore)]);
        Results::of([("poll-postgres", outcome(Figures { per_second: 50_000.0, counters, ..Figures::default() }))])
    };
    assert_eq!(
        row(&polls(500_000.0, 0.0), "idle poll"),
        (Some("50,000/s, 0 to the store, 0 to the catalog".to_owned()), Some(true))
    );
    assert_eq!(row(&polls(499_999.0, 0.0), "idle poll").1, Some(false));
    assert_eq!(row(&polls(500_000.0, 1.0), "idle poll").1, Some(false));
}

#[test]
fn the_first_read_counts_requests_bytes_and_time() {
    let read = |gets: f64, bytes: f64| {
        let counters = BTreeMap::from([
            ("catgraft_objectstore_requests_total{verb=\"get_range\"}".to_owned(), gets),
            ("catgraft_objectstore_bytes_total{verb=\"get_range\"}".to_owned(), bytes),
        ]);
        let counters = BTreeMap::from([("pagestore".to_owned(), counters)]);
        let latencies = latency("read_pages", 60_000.0, 60_000.0);
        Results::of([("first-read", outcome(Figures { counters, latencies, ..Figures::default() }))])
    };
    let work = "first read";
    let (measured, reached) = row(&read(2.0, 102_400.0), work);
    assert_eq!((measured.as_deref(), reached), (Some("2 GETs, 100 KiB, 60 ms (max 60 ms)"), Some(true)));
    assert_eq!(row(&read(4.0, 102_400.0), work).1, Some(false));
    assert_eq!(row(&read(2.0, 300_000.0), work).1, Some(false));
}

#[test]
fn what_happens_once_after_a_start_is_judged_by_the_median_of_several() {
    let pulls = |firsts: [f64; 3]| {
        let pull = |first_us| latency("first", first_us, first_us).into_iter().chain(latency("next", 2_500.0, 2_500.0));
        let of = |first_us| outcome(Figures { latencies: pull(first_us).collect(), ..Figures::default() });
        let named = |(round, first_us)| (format!("pull-postgres-round-{round}"), of(first_us));
        Results::of((1..).zip(firsts).map(named))
    };
    let found = row(&pulls([110_000.0, 250_000.0, 120_000.0]), "`pull_graft` over");
    assert_eq!(found, (Some("120 ms (max 250 ms) / 2.50 ms".to_owned()), Some(true)));
    assert_eq!(row(&pulls([110_000.0, 250_000.0, 200_000.0]), "`pull_graft` over").1, Some(false));
}

#[test]
fn memory_is_that_of_each_process() {
    let memory = |mebibytes: [u64; 2]| {
        let process =
            |mebibytes: u64| ProcessFigures { memory_peak_bytes: mebibytes << 20, ..ProcessFigures::default() };
        let processes = mebibytes.map(process).to_vec();
        Results::of([("memory-idle", outcome(Figures { processes, ..Figures::default() }))])
    };
    let work = "memory of metastore / pagestore, idle";
    assert_eq!(row(&memory([20, 39]), work), (Some("20 MiB / 39 MiB".to_owned()), Some(true)));
    assert_eq!(row(&memory([20, 40]), work).1, Some(false));
}

#[test]
fn of_rounds_the_median_counts() {
    let rounds = |rates: &[f64]| {
        let named = |(at, per_second): (usize, &f64)| (format!("read64-head-100-round-{}", at + 1), rate(*per_second));
        Results::of(rates.iter().enumerate().map(named))
    };
    let of = |rates: &[f64]| rounds(rates).rate("read64-head-100");
    assert_eq!(of(&[9_500.0, 2_000.0, 9_300.0]), Some(9_300.0));
    assert_eq!(of(&[9_500.0, 2_000.0, 9_300.0, 9_400.0]), Some(9_350.0));
    assert_eq!(of(&[9_500.0]), Some(9_500.0));
    assert_eq!(rounds(&[9_500.0]).rate("read64-head"), None, "another measurement");
    let errors = Errors { count: 1, first: vec!["no answer".to_owned()] };
    let failed = outcome(Figures { per_second: 9_900.0, errors, ..Figures::default() });
    let one_failed = Results::of([("poll-round-1", rate(9_800.0)), ("poll-round-2", failed)]);
    assert_eq!(one_failed.rate("poll"), None, "a round that failed is not left out");
}

#[test]
fn many_volumes_are_held_against_none() {
    let beside = |part: f64| {
        let names = ["push-1", "push-32", "read-100", "poll"];
        let rounds = [("many", 1, 900.0 * part), ("many", 2, 1100.0 * part), ("alone", 1, 1100.0), ("alone", 2, 900.0)];
        let named = |name| rounds.map(|(beside, round, found)| (format!("{beside}-{name}-round-{round}"), rate(found)));
        Results::of(names.into_iter().flat_map(named))
    };
    let work = "100,000 volumes";
    assert_eq!(row(&beside(0.95), work), (Some("-5 % / -5 % / -5 % / -5 %".to_owned()), Some(true)));
    assert_eq!(row(&beside(0.89), work).1, Some(false));
}

#[test]
fn a_measurement_with_errors_counts_for_nothing() {
    let errors = Errors { count: 3, first: vec!["no answer".to_owned()] };
    let figures = Figures { per_second: 90_000.0, errors, ..Figures::default() };
    let results = Results::of([("read64-head-100", outcome(figures))]);
    assert_eq!(row(&results, "read of 64"), (None, None));
    assert_eq!(results.failed().collect::<Vec<_>>(), [("read64-head-100", 3, "no answer")]);
}

#[test]
fn a_report_is_written_beside_its_results() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    fs::create_dir(&results).unwrap();
    let json = serde_json::to_string(&rate(10_000.0)).unwrap();
    fs::write(results.join("read64-head-100.json"), json).unwrap();
    fs::write(results.join("failed.json"), "").unwrap();
    let commands = "catgraft bench read --pages 64\ncatgraft bench poll\ncatgraft bench read --pages 64\n";
    fs::write(folder.path().join("commands.txt"), commands).unwrap();
    let about = About { date: "2026-01-02".to_owned(), commit: Some("abc1234".to_owned()), quick: false };
    let (report, files) = write(folder.path(), about.clone()).unwrap();
    assert_eq!(report.commands.len(), 3);
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let [markdown, json, reads, pushes] = &texts[..] else { panic!("{files:?}") };
    for part in [
        "| date | 2026-01-02 |",
        "| commit | abc1234 |",
        "| read of 64 random pages, 8 clients | 4.4k/s |  | 9,000/s | 10,000/s | reached |",
        "| idle poll, 16 clients | 18.8k/s |  | 45,000/s, no request to the store and none to the catalog | not measured |  |",
        "```sh\ncatgraft bench read --pages 64 # 2 times\ncatgraft bench poll\n```",
    ] {
        assert!(markdown.contains(part), "{part:?} is not in {markdown}");
    }
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["results"]["read64-head-100"]["per_second"], 10_000.0);
    for plot in [reads, pushes] {
        assert!(plot.starts_with("<svg ") && plot.ends_with("</svg>\n") && !plot.contains("NaN"), "{plot}");
    }
    let quick = About { quick: true, ..about };
    write(folder.path(), quick.clone()).unwrap();
    let markdown = fs::read_to_string(&files[0]).unwrap();
    assert!(markdown.contains("**A quick run**") && !markdown.contains("| reached |"), "{markdown}");
    fs::write(results.join("other.json"), "{}").unwrap();
    let refused = write(folder.path(), quick).unwrap_err().to_string();
    assert_eq!(refused, format!("{} holds no result of a benchmark", results.join("other.json").display()));
}

#[test]
fn a_plot_has_its_points_in_their_places() {
    let results = Results::of([("read-head-2", rate(50_000.0)), ("read-head-100000", rate(25_000.0))]);
    let svg = plot::reads(&results).draw();
    // The shortest history is at the left edge and the highest rate at the top of an axis that ends at 50k.
    assert!(svg.contains("<circle cx=\"70.0\" cy=\"50.0\" r=\"3\" fill=\"#0072B2\"/>"), "{svg}");
    assert!(svg.contains("<circle cx=\"530.0\" cy=\"195.0\" r=\"3\" fill=\"#0072B2\"/>"), "{svg}");
    assert!(svg.contains(">100k</text>") && svg.contains(">50k</text>"), "{svg}");
}

#[test]
fn a_machine_is_read_from_proc() {
    let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 2 GHz\n";
    let version = "Linux version 6.1.0 (builder@host) #1 SMP";
    let machine = Machine::parse(cpuinfo, "MemTotal:       2048 kB\n", version);
    let expected = Machine {
        cpu: "Some CPU @ 2 GHz".to_owned(),
        cores: 2,
        memory_bytes: 2 << 20,
        kernel: "Linux version 6.1.0".to_owned(),
    };
    assert_eq!(machine, expected);
}
