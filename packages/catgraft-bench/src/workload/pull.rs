//! `pull_graft` over many missed commits: what a client asks that was away for long. The first answer is told apart from the
//! next ones, which may come out of some memory.

use std::time::Instant;

use catgraft_core::PageSet;
use catgraft_proto::graft::metastore::v1::PullGraftResponse;
use serde_json::json;

use super::{Subject, outcome, schedule_settings};
use crate::{
    Checks, Error, Failure, History, Load, Outcome, Servers,
    http::{Call, Connection},
    load::{self, Client, Lap},
    messages::{self, PULL_GRAFT},
};

/// What is pulled.
#[derive(Debug, Clone, Copy)]
pub struct PullOptions {
    /// Commits that the client missed: the newest ones of the volume.
    pub missed: u64,
    /// The volume.
    pub subject: Subject,
    /// How closely answers are looked at.
    pub checks: Checks,
}

struct PullClient {
    connection: Connection,
    call: Call,
    request: Vec<u8>,
    /// What every answer holds.
    head: u64,
    changed: PageSet,
    asked: u64,
    checks: Checks,
}

/// Pulls.
pub fn pull(options: &PullOptions, load: &Load, servers: &Servers) -> Result<Outcome, Error> {
    let PullOptions { missed, subject, checks } = *options;
    let History { schedule, commits, .. } = subject.history;
    if !(1..=commits).contains(&missed) {
        return Err(Error::Setting(format!("{missed} missed commits of a volume that has {commits}")));
    }
    let vid = subject.volume(servers)?;
    let from = commits - missed + 1;
    let mut changed = PageSet::new();
    for lsn in from..=commits {
        if changed.len() == u64::from(schedule.pages()) {
            break;
        }
        changed.union_with(&messages::page_set(&schedule.commit(lsn)));
    }
    let changed = &changed;
    let make = |_: usize| async move {
        let call = servers.metastore.call(PULL_GRAFT);
        let mut request = Vec::new();
        messages::pull_request(&call, &mut request, vid, from);
        let connection = Connection::open(&servers.metastore).await?;
        Ok(PullClient { connection, call, request, head: commits, changed: changed.clone(), asked: 0, checks })
    };
    let figures = load::run(load, servers, make)?;
    let [pages, per_commit, seed] = schedule_settings(&schedule);
    let settings = [
        ("missed", json!(missed)),
        ("volume", json!(vid.to_string())),
        ("commits", json!(commits)),
        pages,
        per_commit,
        seed,
    ];
    Ok(outcome("pull", load, settings, figures))
}

impl Client for PullClient {
    const LAPS: &'static [&'static str] = &["first", "next"];

    async fn request(&mut self, lap: &mut Lap) -> Result<(), Failure> {
        let number = self.asked;
        self.asked += 1;
        let begun = Instant::now();
        let answer = self.connection.ask(&self.request).await?;
        lap.took(usize::from(number > 0), begun.elapsed());
        messages::expect_status(&self.call, &answer, 200)?;
        if self.checks.whole(number) {
            let answer: PullGraftResponse = messages::decode(&self.call, &answer)?;
            let pages = PageSet::decode(&answer.graft, u64::MAX)
                .map_err(|error| Failure::answer(PULL_GRAFT, error.to_string()))?;
            let head = answer.snapshot.unwrap_or_default().lsn;
            if (head, &pages) != (self.head, &self.changed) {
                let what = format!("{pages} up to LSN {head}, not {} up to LSN {}", self.changed, self.head);
                return Err(Failure::answer(PULL_GRAFT, what));
            }
            lap.checked();
        }
        Ok(())
    }
}
