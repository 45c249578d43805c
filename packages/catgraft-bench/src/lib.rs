//! Benchmarks of Graft v1 servers: a load generator that costs little, the workloads, and the report of a whole run.
//!
//! The servers are asked by URL, over the protocol alone, so that any server of the protocol can be measured. The load
//! generator often shares a small machine with them, so it is built to be cheap: requests are encoded outside of
//! the timed path, answers go into a buffer that is used again, their head is looked at for three things, and one answer in
//! some dozens is compared byte for byte with what it has to be. It knows nothing of how a server works; what the
//! servers count themselves is read from their `/metrics`.

mod ceiling;
mod counters;
mod error;
mod http;
mod latency;
mod load;
mod messages;
mod process;
pub mod report;
mod result;
mod schedule;
mod start;
mod volume;
pub mod workload;

pub use ceiling::Ceiling;
pub use error::{Error, Failure};
pub use http::{Encoding, Server, Servers};
pub use latency::Percentiles;
pub use load::{Length, Load};
pub use process::{Process, memory};
pub use result::{Errors, Figures, LoadGenerator, Outcome, ProcessFigures};
pub use schedule::Schedule;
pub use start::{StartOptions, start};
pub use volume::{Checks, History};
