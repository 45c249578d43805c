//! `bench`: every workload against a real server, for a number of requests and not for a time.

use std::{fs, path::Path, process::Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Dev, Ran, catgraft};

/// A workload against a server.
fn bench(dev: &Dev, arguments: &[&str]) -> Ran {
    let mut command = catgraft(Path::new("/"));
    command.args(["bench"]).args(arguments).args(["--metastore", &dev.metastore, "--pagestore", &dev.pagestore]);
    Ran::of(&mut command)
}

fn start(folder: &TempDir) -> Dev {
    Dev::start(&folder.path().join("data"), &[])
}

/// A counter of a service, as far as it moved.
fn moved(found: &Value, service: &str, counter: &str) -> f64 {
    found["counters"][service][counter].as_f64().unwrap_or(0.0)
}

/// How many there were of each latency.
fn counts(found: &Value) -> Vec<(&str, u64)> {
    let latencies = found["latencies"].as_array().unwrap().iter();
    latencies.map(|latency| (latency["of"].as_str().unwrap(), latency["count"].as_u64().unwrap())).collect()
}

#[test]
fn pushes_are_counted_timed_and_read_back() {
    let folder = TempDir::new().unwrap();
    let dev = start(&folder);
    let process = format!("dev={}", dev.pid());
    let arguments = ["push", "--json", "--clients", "3", "--pages", "7", "--volume-pages", "20", "--requests", "12"];
    let more = ["--warm-up", "0s", "--check-one-in", "1", "--process", &process];
    let found = bench(&dev, &[&arguments[..], &more].concat()).json();
    assert_eq!(
        (&found["workload"], &found["requests"], &found["errors"]["count"]),
        (&"push".into(), &12.into(), &0.into())
    );
    assert_eq!(found["checked"], 12);
    assert_eq!(counts(&found), [("write_pages", 12), ("commit", 12), ("push", 12)]);
    for name in ["min_us", "mean_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"] {
        assert!(found["latencies"][2][name].as_f64().unwrap() > 0.0, "{name}: {found}");
    }
    let settings = &found["settings"];
    assert_eq!((&settings["clients"], &settings["pages"], &settings["seed"]), (&3.into(), &7.into(), &1.into()));
    assert!(moved(&found, "pagestore", "catgraft_objectstore_requests_total{verb=\"put\"}") >= 1.0, "{found}");
    assert!(moved(&found, "metastore", "catgraft_requests_total{call=\"commit\",status=\"200\"}") >= 12.0, "{found}");
    assert_eq!(found["processes"][0]["name"], "dev");
    assert!(found["processes"][0]["memory_peak_bytes"].as_u64().unwrap() > 1 << 20, "{found}");
}

#[test]
fn a_push_as_large_as_its_volume_is_streamed() {
    let folder = TempDir::new().unwrap();
    let dev = start(&folder);
    let arguments =
        ["push", "--json", "--pages", "5000", "--volume-pages", "5000", "--requests", "2", "--warm-up", "0s"];
    let found = bench(&dev, &[&arguments[..], &["--check-one-in", "1"]].concat()).json();
    assert_eq!((&found["requests"], &found["checked"]), (&2.into(), &2.into()));
}

#[test]
fn a_prepared_volume_is_read_at_every_lsn_and_pulled() {
    let folder = TempDir::new().unwrap();
    let dev = start(&folder);
    for per_write in ["1", "8"] {
        let history =
            ["--commits", "60", "--volume-pages", "30", "--pages-per-commit", "2", "--commits-per-write", per_write];
        let prepared = bench(&dev, &[&["prepare", "--json"][..], &history].concat()).json();
        assert_eq!((&prepared["commits"], &prepared["volume_pages"]), (&60.into(), &30.into()));
        let volume = prepared["volume"].as_str().unwrap();
        let subject =
            [&history[..], &["--volume", volume, "--json", "--check-one-in", "1", "--warm-up", "0s"]].concat();
        for (at, pages) in [("head", "1"), ("random", "5"), ("17", "30")] {
            let read = ["read", "--at", at, "--pages", pages, "--requests", "50", "--clients", "4"];
            let found = bench(&dev, &[&read[..], &subject].concat()).json();
            assert_eq!((&found["checked"], &found["errors"]["count"]), (&50.into(), &0.into()), "{found}");
            assert_eq!(counts(&found), [("read_pages", 50)]);
        }
        for missed in ["1", "13", "60"] {
            let pull = ["pull", "--missed", missed, "--requests", "5"];
            let found = bench(&dev, &[&pull[..], &subject].concat()).json();
            assert_eq!((&found["checked"], counts(&found)), (&5.into(), vec![("first", 1), ("next", 4)]));
        }
    }
}

#[test]
fn answers_that_are_not_as_they_were_written_are_errors() {
    let folder = TempDir::new().unwrap();
    let dev = start(&folder);
    let prepared = bench(&dev, &["prepare", "--commits", "9", "--volume-pages", "5", "--json"]).json();
    let volume = prepared["volume"].as_str().unwrap();
    let read = ["read", "--commits", "9", "--volume-pages", "5", "--volume", volume, "--seed", "2", "--requests", "3"];
    let ran =
        bench(&dev, &[&read[..], &["--clients", "1", "--warm-up", "0s", "--json", "--check-one-in", "1"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&found["requests"], &found["errors"]["count"]), (&0.into(), &3.into()));
    let first = found["errors"]["first"][0].as_str().unwrap();
    assert!(first.starts_with("/pagestore/v1/read_pages: page "), "{first}");
    assert!(first.contains(" at LSN 9 is not as commit "), "{first}");
}

#[test]
fn polls_come_from_memory() {
    let folder = TempDir::new().unwrap();
    let dev = start(&folder);
    let poll = ["poll", "--json", "--clients", "2", "--volumes", "3", "--requests", "40", "--warm-up", "0s"];
    let found = bench(&dev, &[&poll[..], &["--check-one-in", "1"]].concat()).json();
    assert_eq!(
        (&found["requests"], &found["checked"], counts(&found)),
        (&40.into(), &40.into(), vec![("pull_graft", 40)])
    );
    assert!((moved(&found, "metastore", "catgraft_polls_from_memory_total") - 40.0).abs() < 0.5, "{found}");
}

#[test]
fn many_volumes_are_made_and_can_be_read_with_compression() {
    let folder = TempDir::new().unwrap();
    let dev = start(&folder);
    let history = ["--commits", "4", "--volume-pages", "6", "--commits-per-write", "3"];
    let fill = ["fill", "--volumes", "9", "--clients", "3", "--json", "--check-one-in", "1"];
    let found = bench(&dev, &[&fill[..], &history].concat()).json();
    assert_eq!((&found["requests"], &found["checked"]), (&9.into(), &9.into()));
    assert_eq!(moved(&found, "metastore", "catgraft_requests_total{call=\"commit\",status=\"200\"}") as u64, 36);
    for encoding in ["gzip", "br", "zstd"] {
        let read = ["read", "--pages", "6", "--requests", "4", "--clients", "1", "--warm-up", "0s", "--json"];
        let found =
            bench(&dev, &[&read[..], &history, &["--check-one-in", "1", "--encoding", encoding]].concat()).json();
        assert_eq!((&found["requests"], &found["checked"]), (&4.into(), &4.into()), "{encoding}");
    }
}

#[test]
fn people_get_a_table() {
    let folder = TempDir::new().unwrap();
    let dev = start(&folder);
    let shown = bench(&dev, &["poll", "--clients", "1", "--requests", "5", "--warm-up", "0s"]).ok();
    for part in ["poll: clients 1, requests_asked 5, ", "5 in ", "catgraft_polls_from_memory_total +5", "p99.9"] {
        assert!(shown.contains(part), "{part:?} is not in {shown}");
    }
}

#[test]
fn the_ceiling_takes_every_workload() {
    let mut command = catgraft(Path::new("/"));
    command.args(["bench", "ceiling", "--listen", "127.0.0.1:0", "--json"]).stdout(Stdio::piped());
    let dev = Dev::of_ceiling(command);
    for workload in ["push", "poll", "read"] {
        let volume: &[&str] = if workload == "read" { &["--volume", "GonvRDHqjHwNsCpPBET3Ly"] } else { &[] };
        let arguments = [workload, "--json", "--no-checks", "--clients", "1", "--requests", "6", "--warm-up", "0s"];
        let found = bench(&dev, &[&arguments[..], volume].concat()).json();
        assert_eq!((&found["requests"], &found["checked"]), (&6.into(), &0.into()), "{found}");
    }
}

#[test]
fn a_server_that_is_down_or_is_none_is_named() {
    let folder = TempDir::new().unwrap();
    let mut dev = start(&folder);
    let pagestore = std::mem::replace(&mut dev.pagestore, "http://127.0.0.1:1".to_owned());
    let refused = bench(&dev, &["push", "--requests", "1"]).refusal();
    assert!(refused.starts_with("cannot prepare the workload: http://127.0.0.1:1: connecting failed: "), "{refused}");
    // A pagestore knows no commits.
    dev.pagestore = pagestore.clone();
    dev.metastore = pagestore;
    let refused = bench(&dev, &["poll", "--requests", "1"]).refusal();
    assert!(
        refused.starts_with("cannot prepare the workload: /metastore/v1/commit: status 400, not 200: "),
        "{refused}"
    );
    for (url, refusal) in [
        (
            "https://host",
            "https://host is an https address: the load generator speaks plain http only, so that it costs little",
        ),
        ("host:1", "\"host:1\" is no address of a server: write http://host:port"),
    ] {
        assert_eq!(Ran::new(Path::new("/"), &["bench", "poll", "--metastore", url]).refusal(), refusal);
    }
}

#[test]
fn a_token_goes_with_every_request() {
    let folder = TempDir::new().unwrap();
    let dev = Dev::start(&folder.path().join("data"), &["--auth"]);
    let refused = bench(&dev, &["push", "--requests", "1"]).refusal();
    assert!(refused.contains("/pagestore/v1/write_pages: status 401, not 200: "), "{refused}");
    let token = folder.path().join("token");
    fs::write(&token, format!("{}\n", dev.token.as_ref().unwrap())).unwrap();
    let push = ["push", "--json", "--requests", "2", "--warm-up", "0s", "--token-file", token.to_str().unwrap()];
    assert_eq!(bench(&dev, &push).json()["requests"], 2);
}

#[test]
fn a_program_is_started_until_it_is_ready() {
    let folder = TempDir::new().unwrap();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    let url = format!("http://127.0.0.1:{port}");
    let program = [env!("CARGO_BIN_EXE_catgraft"), "dev", "--log-level", "error", "--pagestore-port", "0"];
    let start = ["bench", "start", "--json", "--runs", "2", "--server", &url, "--"];
    let found = Ran::new(folder.path(), &[&start[..], &program, &["--metastore-port", &port]].concat()).json();
    assert_eq!((&found["requests"], counts(&found)), (&2.into(), vec![("ready", 2)]));
    let refused = Ran::new(folder.path(), &[&start[..], &["false"]].concat()).refusal();
    assert_eq!(refused, "false was not ready: it ended with exit status: 1");
    let refused = Ran::new(folder.path(), &[&start[..], &["/no/such/program"]].concat()).refusal();
    assert!(refused.starts_with("cannot start /no/such/program: "), "{refused}");
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let run = |arguments: &[&str]| Ran::new(Path::new("/"), &[&["bench"][..], arguments].concat()).refusal();
    let pages = run(&["read", "--pages", "9", "--volume-pages", "8"]);
    assert_eq!(pages, "a read of 9 pages in a volume of 8: a read is for 1 to 1024 pages of the volume");
    assert_eq!(run(&["read", "--at", "7", "--commits", "6"]), "LSN 7 of a volume that has the LSNs 1 to 6");
    assert_eq!(run(&["pull", "--missed", "3", "--commits", "2"]), "3 missed commits of a volume that has 2");
    let commit = run(&["push", "--pages", "3", "--volume-pages", "2"]);
    assert!(commit.starts_with("a commit of 3 pages in a volume of 2: "), "{commit}");
    assert_eq!(
        run(&["memory", "--process", "gone=4194305"]),
        "cannot read /proc/4194305/clear_refs: No such file or directory (os error 2)"
    );
}
