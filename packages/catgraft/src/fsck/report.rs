//! What was looked at and found: told as it is found, counted, and summed up at the end.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use catgraft_core::ByteSize;
use serde::Serialize;

use super::Finding;
use crate::output::{Output, print_line};

/// How often a terminal is told how far it has come.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// Ends a process that found orphans only.
const EXIT_ORPHANS: u8 = 3;

/// What was looked at, found and done.
#[derive(Debug, Default, Serialize)]
pub(super) struct Counts {
    pub(super) volumes: u64,
    pub(super) commits: u64,
    pub(super) segments: u64,
    pub(super) objects: u64,
    /// Findings that are losses.
    pub(super) damaged: u64,
    /// Findings that are garbage.
    pub(super) orphans: u64,
    /// Segments that are doomed already, and so are no findings.
    pub(super) pending: u64,
    /// Orphans that this run has doomed.
    pub(super) doomed: u64,
    /// Segments that this run has removed.
    pub(super) removed: u64,
    pub(super) removed_bytes: u64,
}

/// Tells and counts.
pub(super) struct Report {
    pub(super) counts: Counts,
    output: Output,
    /// When a terminal was last told; none where there is no terminal.
    told: Option<Instant>,
}

impl Report {
    pub(super) fn new(output: Output) -> Self {
        let told = io::stderr().is_terminal().then(Instant::now);
        Self { counts: Counts::default(), output, told }
    }

    /// Tells a finding.
    pub(super) fn found(&mut self, finding: &Finding) -> Result<()> {
        if finding.is_orphan() {
            self.counts.orphans += 1;
        } else {
            self.counts.damaged += 1;
        }
        self.clear();
        if self.output.is_json() {
            print_line(&finding.to_json().to_string())
        } else {
            print_line(&finding.to_string())
        }
    }

    /// Tells people how far it has come.
    pub(super) fn progress(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() >= PROGRESS_EVERY) {
            let Counts { commits, segments, objects, .. } = self.counts;
            self.write(&format!("\r\x1b[2K{commits} commits, {segments} segments, {objects} objects"));
            self.told = Some(Instant::now());
        }
    }

    /// The summary, and how the process ends.
    pub(super) fn finish(mut self, repairs: bool) -> Result<ExitCode> {
        self.clear();
        self.output.show(&self.counts, || self.counts.human(repairs))?;
        Ok(match self.counts {
            Counts { damaged: 1.., .. } => ExitCode::FAILURE,
            Counts { orphans: 1.., .. } => ExitCode::from(EXIT_ORPHANS),
            _ => ExitCode::SUCCESS,
        })
    }

    fn clear(&mut self) {
        if self.told.is_some() {
            self.write("\r\x1b[2K");
        }
    }

    fn write(&self, text: &str) {
        // Who does not see how far it has come misses nothing.
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

impl Counts {
    fn human(&self, repairs: bool) -> String {
        let Self { volumes, commits, segments, objects, damaged, orphans, pending, doomed, removed, removed_bytes } =
            self;
        let mut text = format!(
            "Looked at {} of {}, {} and {}: {damaged} missing, damaged or dangling, {}.",
            many(*commits, "commit"),
            many(*volumes, "volume"),
            many(*segments, "segment"),
            many(*objects, "object"),
            many(*orphans, "orphan"),
        );
        if *pending > 0 {
            text.push_str(&format!("\n{} more to be removed already.", many(*pending, "orphan")));
        }
        if repairs {
            let (doomed, removed) = (many(*doomed, "orphan"), many(*removed, "orphan"));
            let size = ByteSize::from_bytes(*removed_bytes);
            text.push_str(&format!(
                "\n{doomed} to be removed from now on, after the grace period; {removed} removed ({size})."
            ));
        }
        text
    }
}

fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
