//! Idle polls: `pull_graft` past the head, which every client asks once a second for every volume.

use std::time::Instant;

use catgraft_core::VolumeId;
use serde_json::json;

use super::outcome;
use crate::{
    Checks, Error, Failure, Load, Outcome, Schedule, Servers,
    http::{Call, Connection},
    load::{self, Client, Lap},
    messages::{self, PULL_GRAFT},
    volume::Pusher,
};

/// What is polled.
#[derive(Debug, Clone, Copy)]
pub struct PollOptions {
    /// Volumes of each client, polled one after the other.
    pub volumes: usize,
    /// How closely answers are looked at.
    pub checks: Checks,
}

struct PollClient {
    connection: Connection,
    call: Call,
    requests: Vec<Vec<u8>>,
    asked: u64,
    checks: Checks,
}

/// Polls.
pub fn poll(options: &PollOptions, load: &Load, servers: &Servers) -> Result<Outcome, Error> {
    let PollOptions { volumes, checks } = *options;
    if volumes == 0 {
        return Err(Error::Setting("0 volumes to poll: each client polls at least 1".to_owned()));
    }
    let schedule = Schedule::new(0, 1, 1)?;
    let make = |_: usize| async move {
        let call = servers.metastore.call(PULL_GRAFT);
        let mut requests = Vec::with_capacity(volumes);
        let mut pusher = Pusher::open(servers, schedule, checks).await?;
        for _ in 0..volumes {
            pusher.begin_anew();
            pusher.push(&mut Lap::default()).await?;
            requests.push(past_head(&call, pusher.vid()));
        }
        let connection = Connection::open(&servers.metastore).await?;
        Ok(PollClient { connection, call, requests, asked: 0, checks })
    };
    let figures = load::run(load, servers, make)?;
    Ok(outcome("poll", load, [("volumes", json!(volumes))], figures))
}

/// Asks for what is newer than the first and only commit.
fn past_head(call: &Call, vid: VolumeId) -> Vec<u8> {
    let mut request = Vec::new();
    messages::pull_request(call, &mut request, vid, 2);
    request
}

impl Client for PollClient {
    const LAPS: &'static [&'static str] = &["pull_graft"];

    async fn request(&mut self, lap: &mut Lap) -> Result<(), Failure> {
        let number = self.asked;
        self.asked += 1;
        let place = usize::try_from(number).unwrap_or(0) % self.requests.len();
        let begun = Instant::now();
        let answer = self.connection.ask(&self.requests[place]).await?;
        lap.took(0, begun.elapsed());
        messages::expect_status(&self.call, &answer, 404)?;
        if self.checks.whole(number) {
            messages::expect_nothing_newer(&self.call, &answer)?;
            lap.checked();
        }
        Ok(())
    }
}
