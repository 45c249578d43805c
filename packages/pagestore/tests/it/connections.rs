//! Ten thousand connections that say nothing, to the real process: others work on.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use catgraft_core::{PageCount, PageIndex};
use catgraft_testkit::{model::page_content, ports::free_port};

use crate::support::{Client, House, new_vid, pages_of};

const IDLE_MAX: usize = 10_000;
/// Files that a process needs beside the connections.
const OTHER_FILES: usize = 512;

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Raises the number of files that this process may open as far as it goes, and says how far that is.
fn files_max() -> usize {
    let limit = || {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
        line.split_whitespace().nth(3).unwrap().parse::<usize>().unwrap()
    };
    // Where there is no such program, it stays at what it is.
    let _ = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), "--nofile=65536:"]).status();
    let _ = Command::new("sh")
        .args(["-c", "prlimit --pid $PPID --nofile=$(prlimit --pid $PPID --nofile -o HARD --noheadings | tr -d ' '):"])
        .status();
    limit()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_stop_nobody() {
    let idle_max = IDLE_MAX.min(files_max().saturating_sub(OTHER_FILES));
    assert!(idle_max > 0, "this process may open too few files");
    let house = House::start().await;
    let port = free_port();
    let mut process = Process(
        Command::new(env!("CARGO_BIN_EXE_pagestore"))
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--metastore", &house.metastore_url])
            .args(["--http-head-timeout", "1h"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut log = BufReader::new(process.0.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("ready")), "the pagestore did not start");
    std::thread::spawn(move || log.for_each(drop));
    let url = format!("http://127.0.0.1:{port}");
    let idle = tokio::task::spawn_blocking(move || {
        let address = format!("127.0.0.1:{port}");
        (0..idle_max).map(|_| TcpStream::connect(&address).unwrap()).collect::<Vec<_>>()
    });
    let idle = idle.await.unwrap();
    let connections = async || {
        let text = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
        let count = text.lines().find_map(|line| line.strip_prefix("catgraft_connections ")).unwrap();
        count.parse::<usize>().unwrap()
    };
    while connections().await <= idle_max {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let client = Client::new(&house.metastore_url, &url, catgraft_client::Retry::NEVER);
    let vid = new_vid();
    let segments = client.write(vid, [(PageIndex::FIRST, 5)]).await.unwrap();
    let lsn = client.commit(vid, None, PageCount::new(1), segments).await.unwrap();
    assert_eq!(client.read(vid, lsn, &pages_of(&[1])).await.unwrap(), [(PageIndex::FIRST, page_content(5))]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    println!("{idle_max} connections: {}", status.lines().find(|line| line.starts_with("VmRSS")).unwrap());
    drop(idle);
    while connections().await > 10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
