//! Compares what servers answer with what was acknowledged.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use catgraft_client::Error;
use catgraft_core::{Lsn, PageIndex, PageSet};
use catgraft_proto::{
    graft::{
        common::v1::GraftErrCode,
        metastore::v1::{PullCommitsRequest, PullGraftRequest},
        pagestore::v1::ReadPagesRequest,
    },
    range_to_wire,
};
use catgraft_testkit::model;
use rand::rngs::SmallRng;

use crate::{
    servers::{Servers, wire},
    violation::Violation,
    volume::{PAGES, Volume},
};

/// A metastore knows of a commit that another one acknowledged after so long, even where that one died right then: it
/// compares what is polled with the catalog every ten seconds, and may be stopped for a while.
const NEWS_MAX: Duration = Duration::from_secs(30);

/// A read is refused for no longer than this because of what the store does: by then all mishaps of a round are mended.
const REFUSED_MAX: Duration = Duration::from_secs(60);

/// Reads these pages at an acknowledged LSN, and compares them byte for byte.
pub(crate) async fn compare_pages(
    servers: &Servers,
    rng: &mut SmallRng,
    volume: &Volume,
    lsn: Lsn,
    pages: &PageSet,
) -> Result<(), Violation> {
    let vid = volume.vid();
    let request = ReadPagesRequest { vid: wire(vid.as_bytes()), lsn: lsn.get(), graft: pages.encode() };
    let mut refused_since = None;
    let answer = loop {
        match servers.pagestore(rng).read_pages(&request).await {
            Ok(answer) => break answer,
            Err(error) if servers.is_to_be_repeated(rng, &error).await => {}
            Err(error)
                if (servers.is_denial(rng, &error).await || servers.is_damage(&error))
                    && refused_since.get_or_insert_with(Instant::now).elapsed() < REFUSED_MAX => {}
            Err(error) => return Err(Violation::Refused { vid, what: format!("a read at LSN {lsn}"), error }),
        }
    };
    let mut expected: BTreeMap<PageIndex, u64> = volume.with_model(|model| model.pages(lsn));
    expected.retain(|page, _| pages.contains(*page));
    servers.tally().pages_compared.add(answer.pages.len());
    model::compare_pages(expected, answer.pages.into_iter().map(|page| (page.pageidx, page.data)))
        .map_err(|(page, how)| Violation::WrongPage { vid, lsn, page, how })
}

/// Pulls what changed in a range of acknowledged LSNs, and compares it.
pub(crate) async fn compare_changes(
    servers: &Servers,
    rng: &mut SmallRng,
    volume: &Volume,
    (start, end): (Lsn, Lsn),
) -> Result<(), Violation> {
    let vid = volume.vid();
    let what = || format!("a pull of LSN {start} to {end}");
    let request = PullGraftRequest { vid: wire(vid.as_bytes()), range: Some(range_to_wire(start, end)) };
    let mut metastore = servers.metastore(rng);
    let mut behind_since = None;
    let answer = loop {
        match metastore.pull_graft(&request).await {
            Ok(answer) => break answer,
            // A poll is answered from memory, and may not know yet what another metastore has acknowledged; but soon.
            Err(error) if error.code() == Some(GraftErrCode::SnapshotMissing) => {
                servers.tally().late_polls.add(1);
                if behind_since.get_or_insert_with(Instant::now).elapsed() > NEWS_MAX {
                    return Err(Violation::Refused { vid, what: what(), error });
                }
                servers.pause(rng).await;
            }
            Err(error) => {
                again_or(servers, rng, volume, error, what).await?;
                (metastore, behind_since) = (servers.metastore(rng), None);
            }
        }
    };
    let wrong = |why: String| Violation::Answer { vid, what: what(), why };
    let changed = PageSet::decode(&answer.graft, u64::from(PAGES)).map_err(|error| wrong(error.to_string()))?;
    let snapshot = answer.snapshot.unwrap_or_default();
    let (expected, page_count) = volume.with_model(|model| (model.changed(start, end), model.page_count(end)));
    if changed != expected {
        return Err(wrong(format!("{changed:?} is told to have changed, and {expected:?} did")));
    }
    if (snapshot.lsn, Some(snapshot.page_count)) != (end.get(), page_count.map(|count| count.get())) {
        return Err(wrong(format!("it has LSN {} with {} pages", snapshot.lsn, snapshot.page_count)));
    }
    Ok(())
}

/// Pulls the commits of a range of acknowledged LSNs, and compares their places, page counts and pages.
pub(crate) async fn compare_commits(
    servers: &Servers,
    rng: &mut SmallRng,
    volume: &Volume,
    (start, end): (Lsn, Lsn),
) -> Result<(), Violation> {
    let vid = volume.vid();
    let what = || format!("a pull of the commits {start} to {end}");
    let request = PullCommitsRequest { vid: wire(vid.as_bytes()), range: Some(range_to_wire(start, end)) };
    let answer = loop {
        match servers.metastore(rng).pull_commits(&request).await {
            Ok(answer) => break answer,
            Err(error) => again_or(servers, rng, volume, error, what).await?,
        }
    };
    let wrong = |why: String| Violation::Answer { vid, what: what(), why };
    let mut place = start.get();
    for commit in answer.commits {
        let snapshot = commit.snapshot.unwrap_or_default();
        let lsn = Lsn::new(snapshot.lsn).filter(|lsn| lsn.get() == place && *lsn <= end);
        let lsn = lsn.ok_or_else(|| wrong(format!("LSN {} is where LSN {place} should be", snapshot.lsn)))?;
        let mut pages = PageSet::new();
        for segment in commit.segments {
            let part = PageSet::decode(&segment.graft, u64::from(PAGES)).map_err(|error| wrong(error.to_string()))?;
            pages.union_with(&part);
        }
        let (changed, page_count) = volume.with_model(|model| (model.changed(lsn, lsn), model.page_count(lsn)));
        if pages != changed || Some(snapshot.page_count) != page_count.map(|count| count.get()) {
            return Err(wrong(format!("the commit at LSN {lsn} has {pages:?}, and {changed:?} was acknowledged")));
        }
        place += 1;
    }
    match place == end.get() + 1 {
        true => Ok(()),
        false => Err(wrong(format!("it ends before LSN {place}"))),
    }
}

/// Waits where a question to a metastore is to be asked again.
async fn again_or(
    servers: &Servers,
    rng: &mut SmallRng,
    volume: &Volume,
    error: Error,
    what: impl Fn() -> String,
) -> Result<(), Violation> {
    match servers.is_to_be_repeated(rng, &error).await {
        true => Ok(()),
        false => Err(Violation::Refused { vid: volume.vid(), what: what(), error }),
    }
}
