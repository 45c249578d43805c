//! The object stores from outside: the conformance suite against each backend, and what is special about each.

mod backends;
mod decorators;
mod fs;
mod one_answer;
mod s3;
