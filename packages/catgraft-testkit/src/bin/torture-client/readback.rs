//! The end of a run: every acknowledged commit of every volume is read back, when nothing is ended or frozen any more.

use std::sync::Arc;

use catgraft_core::Lsn;
use catgraft_proto::graft::{common::v1::GraftErrCode, metastore::v1::SnapshotRequest};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use crate::{
    compare::{compare_changes, compare_commits, compare_pages},
    servers::{Servers, wire},
    violation::Violation,
    volume::{Volume, all_pages},
};

/// Volumes that are read at a time.
const VOLUMES_AT_ONCE: usize = 8;
/// One in so many LSNs is read whole; of the others, what the commit wrote. The head is always read whole.
const WHOLE_ONE_IN: u64 = 8;

/// Reads everything back.
pub(crate) async fn read_everything_back(
    servers: Servers,
    volumes: Vec<Arc<Volume>>,
    mut rng: SmallRng,
) -> Result<(), Violation> {
    let checks = volumes.into_iter().map(|volume| {
        let (servers, rng) = (servers.clone(), SmallRng::seed_from_u64(rng.random()));
        async move { read_volume_back(&servers, &volume, rng).await }
    });
    stream::iter(checks).buffer_unordered(VOLUMES_AT_ONCE).try_collect().await
}

async fn read_volume_back(servers: &Servers, volume: &Volume, mut rng: SmallRng) -> Result<(), Violation> {
    volume.check_gaps()?;
    check_head(servers, volume, &mut rng).await?;
    let Some(head) = volume.head() else { return Ok(()) };
    compare_commits(servers, &mut rng, volume, (Lsn::FIRST, head)).await?;
    compare_changes(servers, &mut rng, volume, (Lsn::FIRST, head)).await?;
    for lsn in (1..=head.get()).filter_map(Lsn::new) {
        let pages = match lsn == head || lsn.get().is_multiple_of(WHOLE_ONE_IN) {
            true => all_pages(),
            false => volume.with_model(|model| model.changed(lsn, lsn)),
        };
        if !pages.is_empty() {
            compare_pages(servers, &mut rng, volume, lsn, &pages).await?;
        }
        servers.tally().commits_read_back.add(1);
    }
    Ok(())
}

/// Does every metastore tell the last acknowledged commit as the head?
async fn check_head(servers: &Servers, volume: &Volume, rng: &mut SmallRng) -> Result<(), Violation> {
    let (vid, acknowledged) = (volume.vid(), volume.head());
    let request = SnapshotRequest { vid: wire(vid.as_bytes()), lsn: None };
    for metastore in servers.metastores() {
        let found = loop {
            match metastore.snapshot(&request).await {
                Ok(answer) => break answer.snapshot.map(|snapshot| snapshot.lsn),
                Err(error) if error.code() == Some(GraftErrCode::SnapshotMissing) => break None,
                Err(error) if servers.is_to_be_repeated(rng, &error).await => {}
                Err(error) => return Err(Violation::Refused { vid, what: "the head".to_owned(), error }),
            }
        };
        if found != acknowledged.map(Lsn::get) {
            return Err(Violation::Head { vid, found, acknowledged });
        }
    }
    Ok(())
}
