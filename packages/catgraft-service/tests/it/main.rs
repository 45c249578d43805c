//! A small service on the scaffolding, talked to over TCP as any client would.

mod auth;
mod calls;
mod client;
mod fixture;
mod log;
mod shutdown;
mod status_pages;
