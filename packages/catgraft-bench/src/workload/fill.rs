//! Fills a server with many volumes: a request is a whole volume.

use std::time::Instant;

use catgraft_core::PAGE_SIZE;
use serde_json::json;

use super::{outcome, schedule_settings};
use crate::{
    Checks, Error, Failure, History, Load, Outcome, Servers,
    load::{self, Client, Lap},
    volume::Pusher,
};

/// What the volumes are.
#[derive(Debug, Clone, Copy)]
pub struct FillOptions {
    /// Each of them.
    pub history: History,
    /// One volume in so many is read back.
    pub checks: Checks,
}

struct FillClient {
    pusher: Pusher,
    history: History,
    checks: Checks,
    made: u64,
}

/// Fills.
pub fn fill(options: &FillOptions, load: &Load, servers: &Servers) -> Result<Outcome, Error> {
    let FillOptions { history, checks } = *options;
    if history.commits == 0 {
        return Err(Error::Setting("volumes of 0 commits: a volume has at least 1".to_owned()));
    }
    let make = |_: usize| async move {
        let pusher = Pusher::open(servers, history.schedule, checks).await?;
        Ok(FillClient { pusher, history, checks, made: 0 })
    };
    let figures = load::run(load, servers, make)?;
    let [pages, per_commit, seed] = schedule_settings(&history.schedule);
    let settings = [
        ("commits", json!(history.commits)),
        ("commits_per_write", json!(history.commits_per_write)),
        pages,
        per_commit,
        seed,
    ];
    Ok(outcome("fill", load, settings, figures))
}

impl Client for FillClient {
    const LAPS: &'static [&'static str] = &["volume"];

    async fn request(&mut self, lap: &mut Lap) -> Result<(), Failure> {
        let History { schedule, commits, .. } = self.history;
        let begun = Instant::now();
        self.pusher.begin_anew();
        self.pusher.make(self.history).await?;
        lap.took(0, begun.elapsed());
        let later = (commits - 1) * u64::from(schedule.pages_per_commit());
        lap.carried((u64::from(schedule.pages()) + later) as usize * PAGE_SIZE);
        self.made += 1;
        if self.checks.whole(self.made) {
            self.pusher.check(&[1]).await?;
            lap.checked();
        }
        Ok(())
    }
}
