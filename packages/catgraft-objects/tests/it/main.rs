//! The object stores from outside: the conformance suite against each backend, and what is special about each.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod backends;
mod decorators;
mod fs;
mod one_answer;
mod s3;
