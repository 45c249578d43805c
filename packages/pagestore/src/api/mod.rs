//! The pagestore's calls, a file each: decode, call, encode.

mod read_pages;
mod write_pages;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::web;
use catgraft_service::{
    ApiError,
    http::{self, Call},
};

use crate::{
    ingest::{
        Ingest, RequestNumber,
        budget::{Budget, Share},
    },
    read::Reader,
};

const READ_PAGES: Call = Call::open("/pagestore/v1/read_pages");
const WRITE_PAGES: Call = Call::open("/pagestore/v1/write_pages");

/// Longest wait for memory that other pushes have; below the time that a client waits for an answer.
const SHARE_TIMEOUT: Duration = Duration::from_secs(20);

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
    /// Memory for a run. Where none comes free for long, others are stuck or the store is, and the client hears it.
    async fn share(&self, bytes: usize) -> Result<Share, ApiError> {
        let share = tokio::time::timeout(SHARE_TIMEOUT, self.budget.share(bytes)).await;
        share.map_err(|_| ApiError::unavailable("the pagestore is busy with other pushes; push again"))
    }

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
