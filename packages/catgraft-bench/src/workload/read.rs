//! Reads of random pages, at the head of a volume or at any older LSN.
//!
//! The requests are encoded before it begins, in random order and many enough that nothing is gained by their coming again.

use std::{ops::Range, sync::Arc, time::Instant};

use catgraft_core::{PAGE_SIZE, VolumeId, limits::READ_PAGES_MAX};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use serde_json::json;

use super::{Subject, outcome, schedule_settings};
use crate::{
    Checks, Error, Failure, History, Length, Load, Outcome, Schedule, Server, Servers,
    http::{Call, Connection},
    load::{self, Client, Lap},
    messages::{self, READ_PAGES},
};

/// Requests that are encoded, where each is for one page; fewer where each is for many.
const REQUESTS_MAX: u64 = 1 << 16;
/// At least so many, however large they are.
const REQUESTS_MIN: u64 = 1 << 12;

/// What is read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions {
    /// Pages of a read.
    pub pages: u32,
    /// As they were when.
    pub at: At,
    /// The volume.
    pub subject: Subject,
    /// How closely answers are looked at.
    pub checks: Checks,
}

/// The LSN of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest.
    Head,
    /// Any, each time another.
    Random,
    /// This one.
    Lsn(u64),
}

impl At {
    fn lsn(self, commits: u64, random: &mut SmallRng) -> u64 {
        match self {
            Self::Head => commits,
            Self::Random => random.random_range(1..=commits),
            Self::Lsn(lsn) => lsn,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Head => "head".to_owned(),
            Self::Random => "random".to_owned(),
            Self::Lsn(lsn) => lsn.to_string(),
        }
    }
}

/// All requests of a run, encoded behind one another.
struct Requests {
    bytes: Vec<u8>,
    each: Vec<Request>,
}

struct Request {
    bytes: Range<usize>,
    lsn: u64,
    pages: Box<[u32]>,
    answer_len: usize,
}

struct ReadClient {
    connection: Connection,
    call: Call,
    requests: Arc<Requests>,
    next: usize,
    asked: u64,
    schedule: Schedule,
    checks: Checks,
}

/// Reads.
pub fn read(options: &ReadOptions, load: &Load, servers: &Servers) -> Result<Outcome, Error> {
    let History { schedule, commits, commits_per_write } = options.subject.history;
    check_options(options)?;
    let vid = options.subject.volume(servers)?;
    let requests = Arc::new(Requests::new(options, vid, &servers.pagestore, load.length));
    let clients = load.clients;
    let requests = &requests;
    let make = |number: usize| async move {
        Ok(ReadClient {
            connection: Connection::open(&servers.pagestore).await?,
            call: servers.pagestore.call(READ_PAGES),
            requests: Arc::clone(requests),
            next: requests.each.len() * number / clients,
            asked: 0,
            schedule,
            checks: options.checks,
        })
    };
    let figures = load::run(load, servers, make)?;
    let [pages, per_commit, seed] = schedule_settings(&schedule);
    let settings = [
        ("pages", json!(options.pages)),
        ("at", json!(options.at.name())),
        ("volume", json!(vid.to_string())),
        ("commits", json!(commits)),
        ("commits_per_write", json!(commits_per_write)),
        pages,
        per_commit,
        seed,
    ];
    Ok(outcome("read", load, settings, figures))
}

fn check_options(options: &ReadOptions) -> Result<(), Error> {
    let ReadOptions { pages, at, subject: Subject { history, .. }, .. } = options;
    let volume_pages = history.schedule.pages();
    if *pages == 0 || u64::from(*pages) > READ_PAGES_MAX || *pages > volume_pages {
        return Err(Error::Setting(format!(
            "a read of {pages} pages in a volume of {volume_pages}: a read is for 1 to {READ_PAGES_MAX} pages of the volume"
        )));
    }
    if let At::Lsn(lsn) = at
        && !(1..=history.commits).contains(lsn)
    {
        return Err(Error::Setting(format!("LSN {lsn} of a volume that has the LSNs 1 to {}", history.commits)));
    }
    Ok(())
}

impl Requests {
    fn new(options: &ReadOptions, vid: VolumeId, server: &Server, length: Length) -> Self {
        let History { schedule, commits, .. } = options.subject.history;
        let mut random = SmallRng::seed_from_u64(schedule.seed());
        let call = server.call(READ_PAGES);
        let wanted = match length {
            Length::For(_) => u64::MAX,
            Length::Requests(count) => count.max(1),
        };
        let count = (REQUESTS_MAX / u64::from(options.pages)).max(REQUESTS_MIN).min(wanted);
        let mut requests = Self { bytes: Vec::new(), each: Vec::new() };
        let mut request = Vec::new();
        for _ in 0..count {
            let lsn = options.at.lsn(commits, &mut random);
            let pages = random_pages(options.pages, schedule.pages(), &mut random);
            messages::read_request(&call, &mut request, vid, lsn, &pages);
            let begin = requests.bytes.len();
            requests.bytes.extend_from_slice(&request);
            let bytes = begin..requests.bytes.len();
            let answer_len = messages::read_answer_len(&pages);
            requests.each.push(Request { bytes, lsn, pages: pages.into(), answer_len });
        }
        requests
    }
}

/// So many different pages of a volume.
fn random_pages(count: u32, volume_pages: u32, random: &mut SmallRng) -> Vec<u32> {
    let sample = rand::seq::index::sample(random, volume_pages as usize, count as usize);
    sample.into_iter().filter_map(|index| u32::try_from(index + 1).ok()).collect()
}

impl Client for ReadClient {
    const LAPS: &'static [&'static str] = &["read_pages"];

    async fn request(&mut self, lap: &mut Lap) -> Result<(), Failure> {
        let Requests { bytes, each } = &*self.requests;
        let request = &each[self.next];
        self.next = (self.next + 1) % each.len();
        self.asked += 1;
        let begun = Instant::now();
        let answer = self.connection.ask(&bytes[request.bytes.clone()]).await?;
        lap.took(0, begun.elapsed());
        messages::expect_status(&self.call, &answer, 200)?;
        lap.carried(request.pages.len() * PAGE_SIZE);
        if self.checks == Checks::Off {
            return Ok(());
        }
        if answer.encoding.is_none() && answer.body.len() != request.answer_len {
            let what = format!("an answer of {} bytes, not {}", answer.body.len(), request.answer_len);
            return Err(Failure::answer(READ_PAGES, what));
        }
        if self.checks.whole(self.asked - 1) {
            let decoded = messages::decode(&self.call, &answer)?;
            crate::volume::check_pages(&self.call, self.schedule, request.lsn, &request.pages, &decoded)?;
            lap.checked();
        }
        Ok(())
    }
}
