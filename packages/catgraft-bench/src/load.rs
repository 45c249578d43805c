//! The load: how many clients ask for how long, and what is gathered of it.
//!
//! A client is a task; all tasks share a few threads, one by default. Measured against a server that answers constants,
//! one thread of tasks took a third less processor time than a thread a client, and as little as a bare epoll loop.

#[cfg(test)]
mod tests;

use std::{
    future::Future,
    sync::{
        Arc, Barrier, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};

use crate::{
    Error, Failure, Process, Servers,
    counters::{self, Counters},
    latency::{Latencies, nanos},
    process::{self, Look},
    result::{Errors, Figures, Latency, LoadGenerator},
};

/// A client that fails so often in a row gives up.
const FAILURES_IN_A_ROW_MAX: u32 = 10;
/// Parts of a request that are timed.
const LAPS_MAX: usize = 3;

/// How many clients ask, and for how long.
#[derive(Debug, Clone)]
pub struct Load {
    /// Clients that ask, each on connections of its own, and each its next request when the last is answered.
    pub clients: usize,
    /// Threads that the clients share.
    pub threads: usize,
    /// How long they ask before it counts.
    pub warm_up: Duration,
    /// How long it counts.
    pub length: Length,
    /// Processes to look at.
    pub processes: Vec<Process>,
}

/// How long a load lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So long.
    For(Duration),
    /// Until so many requests are done.
    Requests(u64),
}

/// One client of a workload.
pub(crate) trait Client: Send + 'static {
    /// The parts of a request that are timed.
    const LAPS: &'static [&'static str];

    /// Sends one request, however many calls it is, and waits for its answer.
    fn request(&mut self, lap: &mut Lap) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What a client tells of one request.
#[derive(Debug, Default)]
pub(crate) struct Lap {
    nanos: [Option<u64>; LAPS_MAX],
    page_bytes: u64,
    checked: u64,
}

impl Lap {
    /// A part of the request took so long; `part` is its place in [`Client::LAPS`].
    pub(crate) fn took(&mut self, part: usize, duration: Duration) {
        self.nanos[part] = Some(nanos(duration));
    }

    /// So many bytes of pages were carried.
    pub(crate) fn carried(&mut self, bytes: usize) {
        self.page_bytes += bytes as u64;
    }

    /// An answer was compared byte for byte.
    pub(crate) fn checked(&mut self) {
        self.checked += 1;
    }
}

/// What the clients of one thread have told.
#[derive(Debug)]
struct Tally {
    requests: u64,
    page_bytes: u64,
    checked: u64,
    laps: Vec<Latencies>,
    errors: Errors,
    last: Option<Instant>,
}

impl Tally {
    fn new(laps: usize) -> Self {
        let laps = (0..laps).map(|_| Latencies::new()).collect();
        Self { requests: 0, page_bytes: 0, checked: 0, laps, errors: Errors::default(), last: None }
    }

    fn record(&mut self, lap: &Lap) {
        self.requests += 1;
        self.page_bytes += lap.page_bytes;
        for (latencies, nanos) in self.laps.iter_mut().zip(lap.nanos) {
            nanos.into_iter().for_each(|nanos| latencies.record(nanos));
        }
    }

    fn add(&mut self, other: Tally) {
        self.requests += other.requests;
        self.page_bytes += other.page_bytes;
        self.checked += other.checked;
        self.laps.iter_mut().zip(&other.laps).for_each(|(laps, others)| laps.add(others));
        self.errors.add_all(other.errors);
        self.last = self.last.max(other.last);
    }
}

/// From when to when it counts.
#[derive(Debug, Clone, Copy)]
struct Times {
    count_from: Instant,
    end: Option<Instant>,
}

/// What the threads of a load share.
struct Course {
    /// All clients are there, or one could not be made.
    ready: Barrier,
    /// The times are set.
    go: Barrier,
    is_off: AtomicBool,
    times: OnceLock<Times>,
    /// Requests that may still begin, where they are counted.
    left: Option<AtomicU64>,
}

impl Course {
    fn new(load: &Load) -> Self {
        let left = match load.length {
            Length::For(_) => None,
            Length::Requests(count) => Some(AtomicU64::new(count)),
        };
        Self {
            ready: Barrier::new(load.threads + 1),
            go: Barrier::new(load.threads + 1),
            is_off: AtomicBool::new(false),
            times: OnceLock::new(),
            left,
        }
    }

    /// May a request begin, and does it count? None where it is over.
    fn next(&self, now: Instant) -> Option<bool> {
        let times = self.times.get()?;
        if times.end.is_some_and(|end| now >= end) {
            return None;
        }
        let counts = now >= times.count_from;
        match &self.left {
            Some(left) if counts => {
                let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
                taken.is_ok().then_some(true)
            }
            _ => Some(counts),
        }
    }
}

/// Lets clients ask. `make` makes the client with a number, on the thread that it will live on; nothing is timed before all
/// are made.
pub(crate) fn run<C, M, F>(load: &Load, servers: &Servers, make: M) -> Result<Figures, Error>
where
    C: Client,
    M: Fn(usize) -> F + Sync,
    F: Future<Output = Result<C, Failure>>,
{
    if load.threads == 0 || load.clients < load.threads {
        let Load { clients, threads, .. } = load;
        return Err(Error::Setting(format!("{clients} clients on {threads} threads: each thread needs a client")));
    }
    let course = Arc::new(Course::new(load));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..load.threads)
            .map(|number| {
                let (course, make) = (Arc::clone(&course), &make);
                let clients = (number..load.clients).step_by(load.threads);
                scope.spawn(move || drive(&course, clients, make))
            })
            .collect();
        let watched = watch(load, servers, &course);
        let mut tally = Tally::new(C::LAPS.len());
        for thread in threads {
            tally.add(thread.join().expect("a thread of clients does not panic")?);
        }
        watched?.figures::<C>(load, servers, tally)
    })
}

/// One thread: makes its clients, waits for the others, and lets them ask until it is over.
fn drive<C, M, F>(course: &Arc<Course>, clients: impl Iterator<Item = usize>, make: &M) -> Result<Tally, Error>
where
    C: Client,
    M: Fn(usize) -> F,
    F: Future<Output = Result<C, Failure>>,
{
    let made = runtime().and_then(|runtime| {
        let made = runtime.block_on(futures::future::try_join_all(clients.map(make)))?;
        Ok((runtime, made))
    });
    if made.is_err() {
        course.is_off.store(true, Ordering::Relaxed);
    }
    course.ready.wait();
    course.go.wait();
    let (runtime, clients) = made?;
    let tally = Arc::new(Mutex::new(Tally::new(C::LAPS.len())));
    runtime.block_on(async {
        let ask = |client| tokio::spawn(ask(client, Arc::clone(course), Arc::clone(&tally)));
        let asking: Vec<_> = clients.into_iter().map(ask).collect();
        for client in asking {
            client.await.expect("a client does not panic");
        }
    });
    let gathered = std::mem::replace(&mut *tally.lock(), Tally::new(0));
    Ok(gathered)
}

/// One client: asks until it is over.
async fn ask<C: Client>(mut client: C, course: Arc<Course>, tally: Arc<Mutex<Tally>>) {
    let mut failures_in_a_row = 0;
    while failures_in_a_row < FAILURES_IN_A_ROW_MAX {
        let Some(counts) = course.next(Instant::now()) else { return };
        let mut lap = Lap::default();
        let outcome = client.request(&mut lap).await;
        let mut tally = tally.lock();
        tally.checked += lap.checked;
        match outcome {
            Ok(()) => failures_in_a_row = 0,
            Err(failure) => {
                tally.errors.add(failure.to_string());
                failures_in_a_row += 1;
            }
        }
        if counts {
            tally.last = Some(Instant::now());
            if failures_in_a_row == 0 {
                tally.record(&lap);
            }
        }
    }
}

/// What is looked at when it begins to count.
struct Watched {
    counters: [Option<Counters>; 2],
    processes: Vec<Look>,
    cpu_seconds: f64,
    begun: Instant,
}

/// The course of a load as its main thread sees it: waits for the clients, sets the times, and looks at servers and
/// processes when it begins to count. While warming up, this look costs a few milliseconds of the first second.
fn watch(load: &Load, servers: &Servers, course: &Course) -> Result<Watched, Error> {
    course.ready.wait();
    let early = if load.warm_up.is_zero() { Some(look(load, servers)) } else { None };
    if course.is_off.load(Ordering::Relaxed) || matches!(early, Some(Err(_))) {
        let now = Instant::now();
        let _ = course.times.set(Times { count_from: now, end: Some(now) });
        course.go.wait();
        return early.unwrap_or_else(|| look(load, servers));
    }
    let count_from = Instant::now() + load.warm_up;
    let end = match load.length {
        Length::For(duration) => Some(count_from + duration),
        Length::Requests(_) => None,
    };
    let _ = course.times.set(Times { count_from, end });
    course.go.wait();
    let mut watched = early.unwrap_or_else(|| {
        thread::sleep(count_from.saturating_duration_since(Instant::now()));
        look(load, servers)
    })?;
    watched.begun = count_from;
    Ok(watched)
}

fn look(load: &Load, servers: &Servers) -> Result<Watched, Error> {
    let counters = counters_of(servers)?;
    let processes = load.processes.iter().map(Process::begin).collect::<Result<_, _>>()?;
    Ok(Watched { counters, processes, cpu_seconds: process::own_cpu_seconds(), begun: Instant::now() })
}

fn counters_of(servers: &Servers) -> Result<[Option<Counters>; 2], Error> {
    let runtime = runtime()?;
    let read = async { [counters::read(&servers.metastore).await, counters::read(&servers.pagestore).await] };
    Ok(runtime.block_on(read))
}

impl Watched {
    #[expect(clippy::cast_precision_loss, reason = "counts of requests and bytes are far below 2^53")]
    fn figures<C: Client>(self, load: &Load, servers: &Servers, tally: Tally) -> Result<Figures, Error> {
        let seconds = tally.last.map_or(0.0, |last| last.saturating_duration_since(self.begun).as_secs_f64());
        let per_second = |count: u64| if seconds > 0.0 { (count as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 };
        let cpu_seconds = process::round(process::own_cpu_seconds() - self.cpu_seconds);
        let ends = load.processes.iter().zip(self.processes).map(|(process, before)| process.end(before));
        let after = counters_of(servers)?;
        let counters = ["metastore", "pagestore"].into_iter().zip(self.counters.iter().zip(&after));
        let moved = |(name, (before, after)): (&str, (&Option<Counters>, &Option<Counters>))| {
            Some((name.to_owned(), counters::moved(before.as_ref()?, after.as_ref()?)))
        };
        let latency = |(of, laps): (&&str, &Latencies)| Latency {
            of: (*of).to_owned(),
            count: laps.len(),
            percentiles: laps.percentiles(),
        };
        Ok(Figures {
            seconds: (seconds * 1000.0).round() / 1000.0,
            requests: tally.requests,
            per_second: per_second(tally.requests),
            page_bytes_per_second: per_second(tally.page_bytes),
            checked: tally.checked,
            errors: tally.errors,
            latencies: C::LAPS.iter().zip(&tally.laps).map(latency).collect(),
            load_generator: LoadGenerator {
                cpu_seconds,
                cpu_us_per_request: process::round(cpu_seconds * 1e6 / tally.requests.max(1) as f64),
            },
            processes: ends.collect::<Result<_, _>>()?,
            counters: counters.filter_map(moved).collect(),
        })
    }
}

/// A runtime of the calling thread alone.
pub(crate) fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_all().build().map_err(Error::Start)
}
