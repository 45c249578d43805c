//! Tests of the metastore from outside: both catalogs, the endpoints, and metastores side by side.

mod catalog;
mod http;
mod schema;
mod server;
mod shared;
mod values;
