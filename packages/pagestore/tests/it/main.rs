//! The pagestore as others see it: real services, real HTTP, real processes where they have to die.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a torture did, and why a service died, is told")]

mod compression;
mod connections;
mod daemon;
mod extremes;
mod forged;
mod fuzz;
mod kill;
mod large_push;
mod model;
mod orphans;
mod outage;
mod overload;
mod protocol;
mod store_credentials;
mod store_damage;
mod store_frozen;
mod support;
