//! What a benchmark found: written as JSON, read again for the report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::latency::Percentiles;

/// The result of one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The workload.
    pub workload: String,
    /// What it was told to do.
    pub settings: BTreeMap<String, Value>,
    /// What it found.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// How long was measured.
    pub seconds: f64,
    /// Requests (of pushes: whole pushes) that went well.
    pub requests: u64,
    /// The same, a second.
    pub per_second: f64,
    /// Bytes of pages that were pushed or read, a second.
    pub page_bytes_per_second: f64,
    /// Answers that were compared byte for byte with what they have to be.
    pub checked: u64,
    /// What failed, also while warming up.
    pub errors: Errors,
    /// How long requests and their parts took.
    pub latencies: Vec<Latency>,
    /// What the load generator itself took.
    pub load_generator: LoadGenerator,
    /// What the processes took that were to be looked at.
    pub processes: Vec<ProcessFigures>,
    /// How far each server's own counters moved; a server without counters is not here.
    pub counters: BTreeMap<String, BTreeMap<String, f64>>,
}

/// How long a request or a part of it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Which part.
    pub of: String,
    /// How many there were.
    pub count: u64,
    /// How long they took.
    #[serde(flatten)]
    pub percentiles: Percentiles,
}

/// Requests that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// How many.
    pub count: u64,
    /// The first few sentences that were different.
    pub first: Vec<String>,
}

impl Errors {
    /// Sentences that are kept.
    const FIRST_MAX: usize = 5;

    /// Counts one.
    pub(crate) fn add(&mut self, sentence: String) {
        self.count += 1;
        self.keep(sentence);
    }

    /// Counts all of another.
    pub(crate) fn add_all(&mut self, other: Errors) {
        self.count += other.count;
        other.first.into_iter().for_each(|sentence| self.keep(sentence));
    }

    fn keep(&mut self, sentence: String) {
        if self.first.len() < Self::FIRST_MAX && !self.first.contains(&sentence) {
            self.first.push(sentence);
        }
    }
}

/// What the load generator itself took from the machine that it may share with the servers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadGenerator {
    /// Time of the processors.
    pub cpu_seconds: f64,
    /// The same for one request, in microseconds.
    pub cpu_us_per_request: f64,
}

/// What a process took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessFigures {
    /// Its name.
    pub name: String,
    /// Its number.
    pub pid: u32,
    /// Resident memory before.
    pub memory_before_bytes: u64,
    /// Resident memory after.
    pub memory_after_bytes: u64,
    /// Most resident memory in between.
    pub memory_peak_bytes: u64,
    /// Time of the processors in between.
    pub cpu_seconds: f64,
}
