//! Pushes: every client has a volume of its own, and commits to it one transaction after the other.
//!
//! One commit is two calls, `write_pages` and `commit`. What was acknowledged is read back after the end: from each volume
//! the pages of its newest commit.

use catgraft_core::limits::READ_PAGES_MAX;
use serde_json::json;

use super::outcome;
use crate::{
    Checks, Error, Failure, Load, Outcome, Schedule, Servers,
    load::{self, Client, Lap},
    volume::Pusher,
};

/// What is pushed.
#[derive(Debug, Clone, Copy)]
pub struct PushOptions {
    /// Pages of a push.
    pub pages: u32,
    /// Pages of the volume that a push takes its pages from.
    pub volume_pages: u32,
    /// Seed of the pages and of their order.
    pub seed: u64,
    /// How closely answers are looked at; of pushes, one in so many is read back at once, outside of the time.
    pub checks: Checks,
}

struct PushClient {
    pusher: Pusher,
    /// Every push begins a volume of its own.
    is_whole: bool,
    schedule: Schedule,
    checks: Checks,
    pushed: u64,
}

/// Pushes.
pub fn push(options: &PushOptions, load: &Load, servers: &Servers) -> Result<Outcome, Error> {
    let PushOptions { pages, volume_pages, seed, checks } = *options;
    // Where a push is as large as the volume, it is the first commit of a volume, which writes everything.
    let is_whole = pages == volume_pages;
    Schedule::new(seed, volume_pages, pages)?;
    let make = |number: usize| async move {
        let schedule = Schedule::new(seed.wrapping_add(number as u64), volume_pages, pages).expect("tried before");
        let mut pusher = Pusher::open(servers, schedule, checks).await?;
        if !is_whole {
            pusher.push(&mut Lap::default()).await?;
        }
        Ok(PushClient { pusher, is_whole, schedule, checks, pushed: 0 })
    };
    let figures = load::run(load, servers, make)?;
    let settings = [("pages", json!(pages)), ("volume_pages", json!(volume_pages)), ("seed", json!(seed))];
    Ok(outcome("push", load, settings, figures))
}

impl Client for PushClient {
    const LAPS: &'static [&'static str] = &["write_pages", "commit", "push"];

    async fn request(&mut self, lap: &mut Lap) -> Result<(), Failure> {
        if self.is_whole {
            self.pusher.begin_anew();
        }
        let outcome = self.push(lap).await;
        if outcome.is_err() && !self.is_whole {
            self.pusher.begin_anew();
            // The volume's first commit is not one of the pushes that are asked for.
            self.pusher.push(&mut Lap::default()).await?;
        }
        outcome
    }
}

impl PushClient {
    async fn push(&mut self, lap: &mut Lap) -> Result<(), Failure> {
        self.pusher.push(lap).await?;
        self.pushed += 1;
        if self.checks.whole(self.pushed) {
            let mut pages = self.schedule.commit(self.pusher.lsn());
            pages.truncate(usize::try_from(READ_PAGES_MAX).unwrap_or(usize::MAX));
            self.pusher.check(&pages).await?;
            lap.checked();
        }
        Ok(())
    }
}
