//! The pagestore's calls, a file each: decode, call, encode.

mod read_pages;
mod write_pages;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use actix_web::web;
use catgraft_service::http::{self, Call};

use crate::{
    ingest::{Ingest, RequestNumber, budget::Budget},
    read::Reader,
};

const READ_PAGES: Call = Call::open("/pagestore/v1/read_pages");
const WRITE_PAGES: Call = Call::open("/pagestore/v1/write_pages");

/// Every call that the pagestore answers.
pub(crate) const CALLS: &[Call] = &[READ_PAGES, WRITE_PAGES];

/// What the handlers need. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) reader: Arc<Reader>,
    pub(crate) ingest: Ingest,
    pub(crate) budget: Budget,
    pub(crate) requests: Arc<AtomicU64>,
}

impl State {
    fn next_request(&self) -> RequestNumber {
        RequestNumber(self.requests.fetch_add(1, Ordering::Relaxed))
    }
}

/// Registers the handlers.
pub(crate) fn configure(config: &mut web::ServiceConfig, state: State) {
    config.app_data(web::Data::new(state));
    http::post(config, &READ_PAGES, read_pages::handle);
    http::post(config, &WRITE_PAGES, write_pages::handle);
}
