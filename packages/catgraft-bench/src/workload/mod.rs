//! The workloads: what clients ask, over and over, while it is timed.

mod fill;
mod poll;
mod pull;
mod push;
mod read;

pub use fill::{FillOptions, fill};
pub use poll::{PollOptions, poll};
pub use pull::{PullOptions, pull};
pub use push::{PushOptions, push};
pub use read::{At, ReadOptions, read};

use std::collections::BTreeMap;

use catgraft_core::VolumeId;
use serde_json::{Value, json};

use crate::{Error, Figures, History, Length, Load, Outcome, Schedule, Servers, load::runtime, volume};

/// A volume that exists, or one that has to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Its history; of a volume that exists, the one that it was made with.
    pub history: History,
    /// The volume, where it exists.
    pub vid: Option<VolumeId>,
}

impl Subject {
    /// The volume, made if it has to be.
    fn volume(&self, servers: &Servers) -> Result<VolumeId, Error> {
        match self.vid {
            Some(vid) => Ok(vid),
            None => prepare(&self.history, servers),
        }
    }
}

/// Makes a volume with a history.
pub fn prepare(history: &History, servers: &Servers) -> Result<VolumeId, Error> {
    runtime()?.block_on(volume::make(servers, *history))
}

/// A result: what the workload was told, by itself and by the load, and what it found.
fn outcome<const N: usize>(workload: &str, load: &Load, settings: [(&str, Value); N], figures: Figures) -> Outcome {
    let mut all = BTreeMap::new();
    let length = match load.length {
        Length::For(duration) => ("seconds_asked", json!(duration.as_secs_f64())),
        Length::Requests(count) => ("requests_asked", json!(count)),
    };
    let of_load = [
        ("clients", json!(load.clients)),
        ("threads", json!(load.threads)),
        ("warm_up_seconds", json!(load.warm_up.as_secs_f64())),
        length,
    ];
    all.extend(of_load.into_iter().chain(settings).map(|(name, value)| (name.to_owned(), value)));
    Outcome { workload: workload.to_owned(), settings: all, figures }
}

/// What is told of a schedule.
fn schedule_settings(schedule: &Schedule) -> [(&'static str, Value); 3] {
    [
        ("volume_pages", json!(schedule.pages())),
        ("pages_per_commit", json!(schedule.pages_per_commit())),
        ("seed", json!(schedule.seed())),
    ]
}
