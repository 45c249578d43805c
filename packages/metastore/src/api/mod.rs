//! The metastore's calls, a file each (the four about orphans share one): decode, call, encode.

mod commit;
mod encode;
mod orphans;
mod pull_commits;
mod pull_graft;
mod read_log;
mod read_segments;
mod register_segments;
mod snapshot;

use std::sync::Arc;

use actix_web::web;
use catgraft_service::{
    http::{self, Call},
    token::Role,
};

use crate::volumes::Volumes;

const SNAPSHOT: Call = Call::open("/metastore/v1/snapshot");
const PULL_GRAFT: Call = Call::open("/metastore/v1/pull_graft");
const PULL_COMMITS: Call = Call::open("/metastore/v1/pull_commits");
const COMMIT: Call = Call::open("/metastore/v1/commit");
const REGISTER_SEGMENTS: Call = Call::internal("/metastore/internal/v1/register_segments", Role::Pagestore);
const READ_LOG: Call = Call::internal("/metastore/internal/v1/read_log", Role::Pagestore);
const READ_SEGMENTS: Call = Call::internal("/metastore/internal/v1/read_segments", Role::Pagestore);
const SEARCH_ORPHANS: Call = Call::internal("/metastore/internal/v1/search_orphans", Role::Pagestore);
const ADOPT_ORPHANS: Call = Call::internal("/metastore/internal/v1/adopt_orphans", Role::Pagestore);
const READ_DUE_ORPHANS: Call = Call::internal("/metastore/internal/v1/read_due_orphans", Role::Pagestore);
const REMOVE_ORPHANS: Call = Call::internal("/metastore/internal/v1/remove_orphans", Role::Pagestore);

/// Every call that the metastore answers.
pub(crate) const CALLS: &[Call] = &[
    SNAPSHOT,
    PULL_GRAFT,
    PULL_COMMITS,
    COMMIT,
    REGISTER_SEGMENTS,
    READ_LOG,
    READ_SEGMENTS,
    SEARCH_ORPHANS,
    ADOPT_ORPHANS,
    READ_DUE_ORPHANS,
    REMOVE_ORPHANS,
];

/// Most bytes of a request that names a volume and a range and nothing else.
const SMALL_REQUEST_BYTES_MAX: usize = 4096;

/// What the handlers need. Cheap to clone.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) volumes: Arc<Volumes>,
    /// Most bytes of a request that names segments.
    pub(crate) request_bytes_max: usize,
}

/// Registers the handlers.
pub(crate) fn configure(config: &mut web::ServiceConfig, state: State) {
    config.app_data(web::Data::new(state));
    http::post(config, &SNAPSHOT, snapshot::handle);
    http::post(config, &PULL_GRAFT, pull_graft::handle);
    http::post(config, &PULL_COMMITS, pull_commits::handle);
    http::post(config, &COMMIT, commit::handle);
    http::post(config, &REGISTER_SEGMENTS, register_segments::handle);
    http::post(config, &READ_LOG, read_log::handle);
    http::post(config, &READ_SEGMENTS, read_segments::handle);
    http::post(config, &SEARCH_ORPHANS, orphans::search);
    http::post(config, &ADOPT_ORPHANS, orphans::adopt);
    http::post(config, &READ_DUE_ORPHANS, orphans::due);
    http::post(config, &REMOVE_ORPHANS, orphans::remove);
}
