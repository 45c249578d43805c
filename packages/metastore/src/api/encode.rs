//! The words of the house as wire messages.

use bytes::Bytes;
use catgraft_core::{Lsn, VolumeId};
use catgraft_proto::{
    graft::{common::v1 as wire, metastore::v1::PullCommitsResponse},
    timestamp_to_wire,
};
use catgraft_service::ApiError;

use crate::{
    catalog::{CommitRow, Snapshot},
    volumes::{Commits, Error},
};

pub(super) fn id(bytes: &[u8; 16]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub(super) fn snapshot(snapshot: &Snapshot) -> wire::Snapshot {
    wire::Snapshot {
        vid: id(snapshot.vid.as_bytes()),
        cid: id(snapshot.cid.as_bytes()),
        lsn: snapshot.lsn.get(),
        checkpoint_lsn: snapshot.checkpoint.get(),
        page_count: snapshot.page_count.get(),
        timestamp: Some(timestamp_to_wire(snapshot.timestamp)),
    }
}

pub(super) fn commits(vid: VolumeId, found: &Commits) -> Result<PullCommitsResponse, ApiError> {
    let commits = found.commits.iter().map(|commit| {
        Ok(wire::Commit {
            snapshot: Some(snapshot(&commit.snapshot(vid, found.checkpoint))),
            segments: segments(vid, commit)?,
        })
    });
    Ok(PullCommitsResponse { commits: commits.collect::<Result<_, ApiError>>()? })
}

fn segments(vid: VolumeId, commit: &CommitRow) -> Result<Vec<wire::SegmentInfo>, ApiError> {
    let lsn: Lsn = commit.lsn;
    Ok(commit.segments.to_wire().map_err(|source| Error::CommitDamaged { vid, lsn, source })?)
}
