//! What is counted and what is not, with clients that ask nobody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Client, Lap, Length, Load, run};
use crate::{Failure, Server, Servers};

/// Servers that nobody asks but for their counters, which they do not have.
fn nobody() -> Servers {
    let server = Server::new("http://127.0.0.1:9", None, None).unwrap();
    Servers { metastore: server.clone(), pagestore: server }
}

fn load(clients: usize, threads: usize, requests: u64) -> Load {
    Load { clients, threads, warm_up: Duration::ZERO, length: Length::Requests(requests), processes: Vec::new() }
}

/// Fails whenever the number of its request is a multiple of another.
struct Counting {
    asked: Arc<AtomicU64>,
    fails_every: u64,
}

impl Client for Counting {
    const LAPS: &'static [&'static str] = &["one", "two"];

    async fn request(&mut self, lap: &mut Lap) -> Result<(), Failure> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::task::yield_now().await;
        lap.took(0, Duration::from_millis(number));
        lap.carried(100);
        lap.checked();
        if number.is_multiple_of(self.fails_every) {
            return Err(Failure::answer("/call", format!("request {} failed", number % 4)));
        }
        Ok(())
    }
}

#[test]
fn requests_are_counted_over_all_clients_and_threads() {
    for (clients, threads) in [(1, 1), (5, 1), (5, 3)] {
        let asked = Arc::new(AtomicU64::new(0));
        let make = |_: usize| async { Ok(Counting { asked: Arc::clone(&asked), fails_every: u64::MAX }) };
        let figures = run(&load(clients, threads, 40), &nobody(), make).unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 40);
        assert_eq!((figures.requests, figures.checked, figures.errors.count), (40, 40, 0));
        let counts: Vec<_> = figures.latencies.iter().map(|latency| (latency.of.as_str(), latency.count)).collect();
        assert_eq!(counts, [("one", 40), ("two", 0)]);
        assert!((figures.latencies[0].percentiles.max_us - 40_000.0).abs() < 40.0);
        assert!(figures.counters.is_empty());
    }
}

#[test]
fn failures_are_counted_apart_and_have_no_latency() {
    let asked = Arc::new(AtomicU64::new(0));
    let make = |_: usize| async { Ok(Counting { asked: Arc::clone(&asked), fails_every: 10 }) };
    let figures = run(&load(2, 1, 40), &nobody(), make).unwrap();
    assert_eq!((figures.requests, figures.errors.count, figures.latencies[0].count), (36, 4, 36));
    assert_eq!(figures.errors.first, ["/call: request 2 failed", "/call: request 0 failed"]);
}

#[test]
fn a_client_that_only_fails_gives_up() {
    let asked = Arc::new(AtomicU64::new(0));
    let make = |_: usize| async { Ok(Counting { asked: Arc::clone(&asked), fails_every: 1 }) };
    let figures = run(&load(2, 2, 1000), &nobody(), make).unwrap();
    assert_eq!((figures.requests, figures.errors.count), (0, 20));
}

#[test]
fn a_client_that_cannot_begin_ends_the_run() {
    let make = |number: usize| async move {
        if number == 3 {
            return Err(Failure::answer("/call", "no"));
        }
        Ok(Counting { asked: Arc::default(), fails_every: u64::MAX })
    };
    let refused = run(&load(5, 2, 10), &nobody(), make).unwrap_err();
    assert_eq!(refused.to_string(), "cannot prepare the workload");
}

#[test]
fn warming_up_does_not_count() {
    let asked = Arc::new(AtomicU64::new(0));
    let make = |_: usize| async { Ok(Counting { asked: Arc::clone(&asked), fails_every: u64::MAX }) };
    let warm = Load { warm_up: Duration::from_millis(20), ..load(1, 1, 7) };
    let figures = run(&warm, &nobody(), make).unwrap();
    assert_eq!(figures.requests, 7);
    assert!(asked.load(Ordering::Relaxed) > 7);
    assert!(figures.latencies[0].percentiles.min_us > 1000.0, "the first requests are not among those that count");
}

#[test]
fn every_thread_needs_a_client() {
    let make = |_: usize| async { Ok(Counting { asked: Arc::default(), fails_every: 1 }) };
    let refused = run(&load(2, 3, 1), &nobody(), make).unwrap_err().to_string();
    assert_eq!(refused, "2 clients on 3 threads: each thread needs a client");
}
