//! The endpoints over HTTP: what they answer, and each error row of the protocol.

mod access;
mod calls;
mod hostile;
mod long_range;
mod lost_answer;
mod refusals;

use catgraft_core::{PageSet, VolumeId};
use catgraft_proto::catgraft::internal::v1::{RegisterSegmentsRequest, SegmentRow, SegmentVolume};
use catgraft_service::http::Auth;
use metastore::{Config, Deps};

use crate::{server::Server, values::sid};

const REGISTER: &str = "/metastore/internal/v1/register_segments";

/// A metastore on an embedded catalog, which everybody may call.
async fn open_server() -> Server {
    Server::start(Config { auth: Auth::Off, ..Config::default() }, Deps::default()).await
}

/// Announces a segment with these pages of a volume.
fn register_request(number: u8, vid: VolumeId, pages: &PageSet) -> RegisterSegmentsRequest {
    let volumes = vec![SegmentVolume { vid: vid.as_bytes().to_vec().into(), graft: pages.encode() }];
    let row = SegmentRow {
        sid: sid(number).as_bytes().to_vec().into(),
        byte_len: 10_000,
        index_offset: 9000,
        index_len: 1000,
        index_hash: vec![number; 32].into(),
        volumes,
    };
    RegisterSegmentsRequest { segments: vec![row] }
}
