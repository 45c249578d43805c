//! The object stores from outside: the conformance suite against each backend, and what is special about each.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod backends;
mod decorators;
mod fs;
mod fs_disk;
mod hedged;
mod one_answer;
mod s3;
mod s3_faults;
mod s3_outages;
