//! What processes take, from `/proc`: memory now and at most, and time of the processors.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fs, str::FromStr};

use crate::{Error, Figures, Outcome, ProcessFigures};

/// Ticks of `/proc/PID/stat` in a second: what Linux shows to programs, on every architecture that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process to look at, under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    name: String,
    pid: u32,
}

/// `NAME=PID`.
impl FromStr for Process {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('=').and_then(|(name, pid)| Some((name, pid.parse().ok()?)));
        match parsed {
            Some((name, pid)) if !name.is_empty() => Ok(Self { name: name.to_owned(), pid }),
            _ => Err(format!("{text:?} is no process: write NAME=PID")),
        }
    }
}

/// What a process takes at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    memory_bytes: u64,
    memory_peak_bytes: u64,
    cpu_seconds: f64,
}

impl Process {
    /// A process under a name.
    pub fn new(name: &str, pid: u32) -> Self {
        Self { name: name.to_owned(), pid }
    }

    /// Looks at it, and lets its peak of memory begin anew.
    pub(crate) fn begin(&self) -> Result<Look, Error> {
        let path = format!("/proc/{}/clear_refs", self.pid);
        fs::write(&path, "5").map_err(|source| Error::Process { path, source })?;
        self.look()
    }

    /// Looks at it again, and tells both.
    pub(crate) fn end(&self, before: Look) -> Result<ProcessFigures, Error> {
        let after = self.look()?;
        Ok(ProcessFigures {
            name: self.name.clone(),
            pid: self.pid,
            memory_before_bytes: before.memory_bytes,
            memory_after_bytes: after.memory_bytes,
            memory_peak_bytes: after.memory_peak_bytes,
            cpu_seconds: round(after.cpu_seconds - before.cpu_seconds),
        })
    }

    fn look(&self) -> Result<Look, Error> {
        let read = |file: &str| {
            let path = format!("/proc/{}/{file}", self.pid);
            fs::read_to_string(&path).map_err(|source| Error::Process { path, source })
        };
        let status = read("status")?;
        let cpu_seconds = cpu_seconds(&read("stat")?);
        Ok(Look {
            memory_bytes: status_bytes(&status, "VmRSS:"),
            memory_peak_bytes: status_bytes(&status, "VmHWM:"),
            cpu_seconds,
        })
    }
}

/// What processes take at this moment, as a result.
pub fn memory(processes: &[Process]) -> Result<Outcome, Error> {
    let look = |process: &Process| process.begin().and_then(|before| process.end(before));
    let processes = processes.iter().map(look).collect::<Result<_, _>>()?;
    let figures = Figures { processes, ..Figures::default() };
    Ok(Outcome { workload: "memory".to_owned(), settings: BTreeMap::new(), figures })
}

/// Time of the processors that this process has taken.
pub(crate) fn own_cpu_seconds() -> f64 {
    fs::read_to_string("/proc/self/stat").map(|stat| cpu_seconds(&stat)).unwrap_or_default()
}

/// To a hundredth, which is what the system counts.
pub(crate) fn round(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// A line of `/proc/PID/status` such as `VmRSS:     1234 kB`; 0 where there is none, as of a process that has ended.
fn status_bytes(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes: Option<u64> = value.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// User and system time of `/proc/PID/stat`. The name in it may hold anything, so it is read from behind that.
fn cpu_seconds(stat: &str) -> f64 {
    let Some((_, rest)) = stat.rsplit_once(") ") else { return 0.0 };
    let ticks: f64 = rest.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}
