//! What a client may take of a server: connections, time, memory, places in a queue. `[http]` of both services.

use std::{num::NonZeroUsize, time::Duration};

use catgraft_core::ByteSize;
use serde::Deserialize;

use super::pace::Pace;
use crate::{
    room::Queue,
    settings::{self, Invalid, Setting},
};

/// Least memory for request bodies and for answers: the largest request and the largest answer fit.
const MEMORY_MIN: ByteSize = ByteSize::from_mib(64);

/// The settings of both services.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting::integer("http.max_connections", "Most connections at a time; further ones wait until one ends", "a number above 0")
        .default("16384"),
    Setting::text("http.head_timeout", "Longest that a request head may take to come", "a time above 0s, such as 10s")
        .default("10s"),
    Setting::text(
        "http.stall_timeout",
        "Longest that a client may send nothing of a body, or take nothing of an answer",
        "a time above 0s, such as 30s",
    )
    .default("30s"),
    Setting::text(
        "http.min_rate",
        "Least bytes a second that a client sends of a body or takes of an answer, once http.stall_timeout was spent on waiting",
        "a size above 0, such as 4 KiB",
    )
    .default("4 KiB"),
    Setting::text(
        "http.body_memory",
        "Memory for requests that are being read and worked on, without the pages of pushes",
        "a size, at least 64 MiB",
    )
    .default("64 MiB"),
    Setting::text(
        "http.answer_memory",
        "Memory for answers that clients have not taken yet",
        "a size, at least 64 MiB",
    )
    .default("128 MiB"),
    Setting::integer(
        "http.max_waiting",
        "Most requests that wait for their turn at one thing; further ones are told to come back",
        "a number",
    )
    .default("1024"),
    Setting::text(
        "http.max_wait",
        "Longest that a request waits for its turn before it is told to come back",
        "a time such as 2s",
    )
    .default("2s"),
];

/// `[http]` as it stands in a file.
#[derive(Debug, Clone, Deserialize)]
pub struct HttpConfig {
    max_connections: NonZeroUsize,
    #[serde(deserialize_with = "settings::from_text")]
    head_timeout: humantime::Duration,
    #[serde(deserialize_with = "settings::from_text")]
    stall_timeout: humantime::Duration,
    #[serde(deserialize_with = "settings::from_text")]
    min_rate: ByteSize,
    #[serde(deserialize_with = "settings::from_text")]
    body_memory: ByteSize,
    #[serde(deserialize_with = "settings::from_text")]
    answer_memory: ByteSize,
    max_waiting: usize,
    #[serde(deserialize_with = "settings::from_text")]
    max_wait: humantime::Duration,
}

/// What a client may take of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time.
    pub connections_max: usize,
    /// Longest that a request head may take to come.
    pub head_timeout: Duration,
    /// How slow a client may be within a body or an answer.
    pub pace: Pace,
    /// Memory for requests that are being read and worked on.
    pub body_memory: ByteSize,
    /// Memory for answers that clients have not taken yet.
    pub answer_memory: ByteSize,
    /// How requests wait for their turn.
    pub queue: Queue,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            head_timeout: Duration::from_secs(10),
            pace: Pace { stall_timeout: Duration::from_secs(30), bytes_per_second_min: 4096 },
            body_memory: ByteSize::from_mib(64),
            answer_memory: ByteSize::from_mib(128),
            queue: Queue { waiting_max: 1024, wait_max: Duration::from_secs(2) },
        }
    }
}

impl HttpConfig {
    /// What these settings become.
    pub fn build(&self) -> Result<Limits, Invalid> {
        above_zero("http.head_timeout", self.head_timeout.is_zero(), "0s: no head comes in no time")?;
        above_zero("http.stall_timeout", self.stall_timeout.is_zero(), "0s: no body comes in no time")?;
        above_zero("http.min_rate", self.min_rate.as_bytes() == 0, "0: bodies could take for ever")?;
        at_least("http.body_memory", self.body_memory)?;
        at_least("http.answer_memory", self.answer_memory)?;
        Ok(Limits {
            connections_max: self.max_connections.get(),
            head_timeout: *self.head_timeout,
            pace: Pace { stall_timeout: *self.stall_timeout, bytes_per_second_min: self.min_rate.as_bytes() },
            body_memory: self.body_memory,
            answer_memory: self.answer_memory,
            queue: Queue { waiting_max: self.max_waiting, wait_max: *self.max_wait },
        })
    }
}

fn above_zero(key: &str, is_zero: bool, sentence: &str) -> Result<(), Invalid> {
    if is_zero { Err(Invalid::new(key, sentence)) } else { Ok(()) }
}

fn at_least(key: &str, size: ByteSize) -> Result<(), Invalid> {
    if size >= MEMORY_MIN { Ok(()) } else { Err(Invalid::new(key, format!("{size} is below {MEMORY_MIN}"))) }
}
