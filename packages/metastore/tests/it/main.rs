//! Tests of the metastore from outside: both catalogs, the endpoints, and metastores side by side.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod catalog;
mod http;
mod schema;
mod server;
mod shared;
mod values;
