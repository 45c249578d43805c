//! The real binary, run as people and scripts run it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod bench;
mod dev;
mod fsck;
mod ids;
mod migrate;
mod output;
mod readme;
mod segment;
mod support;
mod tokens;
mod volume;
