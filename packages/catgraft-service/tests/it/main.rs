//! A small service on the scaffolding, talked to over TCP as any client would.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

mod auth;
mod calls;
mod client;
mod daemon;
mod fixture;
mod in_process;
mod log;
mod manners;
mod shutdown;
mod status_pages;
