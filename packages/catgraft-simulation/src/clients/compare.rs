//! Asks servers, and compares what they answer with what must be.
//!
//! An answer has to know everything that was settled before its question was asked: the head is never behind, a log has no
//! gap, and pages are those of the model. Only a poll that is answered from a metastore's memory may be late.

use std::collections::BTreeMap;

use catgraft_client::{MetastoreClient, PagestoreClient};
use catgraft_core::{ClientId, Lsn, PageIndex, PageSet};
use catgraft_proto::{
    graft::{
        common::v1::{GraftErrCode, Snapshot},
        metastore::v1::{PullCommitsRequest, PullGraftRequest, SnapshotRequest},
        pagestore::v1::ReadPagesRequest,
    },
    range_to_wire,
};
use catgraft_testkit::model::compare_pages;

use super::{Patience, Servers, wire};
use crate::{history::History, plan::VOLUME_PAGES, violation::Violation};

/// Whom to ask; any of them anew for each attempt, where none is named.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ask {
    pub(crate) server: Option<usize>,
}

impl Ask {
    fn metastore(self, servers: &Servers) -> MetastoreClient {
        self.server.map_or_else(|| servers.metastore(), |number| servers.metastore_at(number))
    }

    fn pagestore(self, servers: &Servers) -> PagestoreClient {
        self.server.map_or_else(|| servers.pagestore(), |number| servers.pagestore_at(number))
    }
}

/// Asks until there is an answer: what it is, or the code of a refusal that is one.
macro_rules! ask {
    ($servers:expr, $history:expr, $what:expr, $call:expr, $($refusal:pat => $refused:expr)?) => {{
        let mut patience = Patience::new(format!("volume {}: {}", $history.vid, $what));
        loop {
            match $call.await {
                Ok(answer) => break answer,
                $(Err(error) if matches!(error.code(), Some($refusal)) => return $refused,)?
                Err(error) => {
                    patience.wait(&$servers.world, &error)?;
                    let refused = |error| Violation::Refused { vid: $history.vid, what: $what.to_string(), error };
                    $servers.after(error).await.map_err(refused)?;
                }
            }
        }
    }};
}

/// The head that any metastore tells.
pub(crate) async fn read_head(servers: &Servers, history: &History) -> Result<Option<Lsn>, Violation> {
    read_head_of(servers, history, Ask::default()).await
}

/// The head that a metastore tells.
pub(crate) async fn read_head_of(servers: &Servers, history: &History, ask: Ask) -> Result<Option<Lsn>, Violation> {
    let request = SnapshotRequest { vid: wire(history.vid.as_bytes()), lsn: None };
    let known = history.floor();
    let answer = ask!(servers, history, "the head", ask.metastore(servers).snapshot(&request),
        GraftErrCode::SnapshotMissing => history.check_floor("the head", known, 0).map(|()| None));
    let head = check_snapshot(history, "the head", answer.snapshot, None)?;
    history.check_floor("the head", known, head.get())?;
    Ok(Some(head))
}

/// The snapshot at a settled LSN.
pub(crate) async fn read_snapshot(servers: &Servers, history: &History, lsn: Lsn) -> Result<(), Violation> {
    let request = SnapshotRequest { vid: wire(history.vid.as_bytes()), lsn: Some(lsn.get()) };
    let what = format!("the snapshot at LSN {lsn}");
    let answer = ask!(servers, history, what, servers.metastore().snapshot(&request),);
    check_snapshot(history, &what, answer.snapshot, Some(lsn)).map(drop)
}

/// Is this a commit that somebody made? Says its LSN.
fn check_snapshot(
    history: &History,
    what: &str,
    snapshot: Option<Snapshot>,
    expected: Option<Lsn>,
) -> Result<Lsn, Violation> {
    let wrong = |why: String| Violation::Answer { vid: history.vid, what: what.to_owned(), why };
    let snapshot = snapshot.ok_or_else(|| wrong("it has no snapshot".to_owned()))?;
    let lsn = Lsn::new(snapshot.lsn).ok_or_else(|| wrong("it has no LSN".to_owned()))?;
    let cid = ClientId::try_from(snapshot.cid.as_ref()).map_err(|error| wrong(error.to_string()))?;
    history.settle(lsn, cid)?;
    let page_count = history.with_model(|model| model.page_count(lsn));
    if page_count.is_some_and(|count| count.get() != snapshot.page_count) {
        return Err(wrong(format!("LSN {lsn} has {} pages, and {page_count:?} was committed", snapshot.page_count)));
    }
    match expected {
        Some(expected) if expected != lsn => Err(wrong(format!("it is of LSN {lsn}"))),
        _ => Ok(lsn),
    }
}

/// Pulls the commits from an LSN to the head, settles them, and compares their places, page counts and pages.
pub(crate) async fn pull_commits(
    servers: &Servers,
    history: &History,
    start: Lsn,
    ask: Ask,
) -> Result<Option<Lsn>, Violation> {
    let vid = history.vid;
    let what = format!("a pull of the commits from LSN {start} on");
    let range = catgraft_proto::graft::common::v1::LsnRange { inclusive_start: start.get(), inclusive_end: None };
    let request = PullCommitsRequest { vid: wire(vid.as_bytes()), range: Some(range) };
    let known = history.floor();
    let answer = ask!(servers, history, what, ask.metastore(servers).pull_commits(&request),
    GraftErrCode::SnapshotMissing => {
        history.check_floor("a pull of commits", known.filter(|known| *known >= start), 0).map(|()| None)
    });
    let wrong = |why: String| Violation::Answer { vid, what: what.clone(), why };
    let (mut place, mut last) = (start.get(), None);
    for commit in answer.commits {
        let lsn = check_snapshot(history, &what, commit.snapshot, Lsn::new(place))?;
        let mut pages = PageSet::new();
        for segment in commit.segments {
            let part = PageSet::decode(&segment.graft, VOLUME_PAGES).map_err(|error| wrong(error.to_string()))?;
            pages.union_with(&part);
        }
        let (head, changed) = history.with_model(|model| (model.head(), model.changed(lsn, lsn)));
        if head >= Some(lsn) && pages != changed {
            return Err(wrong(format!("the commit at LSN {lsn} has {pages:?}, and {changed:?} was committed")));
        }
        (place, last) = (place + 1, Some(lsn));
    }
    history.check_floor("a pull of commits", known, place - 1)?;
    Ok(last)
}

/// Pulls what changed in a range of the model, and compares it. Answers whether the metastore knew of it.
pub(crate) async fn pull_changes(
    servers: &Servers,
    history: &History,
    (start, end): (Lsn, Lsn),
    ask: Ask,
) -> Result<bool, Violation> {
    let vid = history.vid;
    let what = format!("a pull of LSN {start} to {end}");
    let request = PullGraftRequest { vid: wire(vid.as_bytes()), range: Some(range_to_wire(start, end)) };
    // A poll is answered from memory, and may not know yet what another metastore has acknowledged.
    let answer = ask!(servers, history, what, ask.metastore(servers).pull_graft(&request),
        GraftErrCode::SnapshotMissing => Ok(false));
    let wrong = |why: String| Violation::Answer { vid, what: what.clone(), why };
    check_snapshot(history, &what, answer.snapshot, Some(end))?;
    let changed = PageSet::decode(&answer.graft, VOLUME_PAGES).map_err(|error| wrong(error.to_string()))?;
    let expected = history.with_model(|model| model.changed(start, end));
    match changed == expected {
        true => Ok(true),
        false => Err(wrong(format!("{changed:?} is told to have changed, and {expected:?} did"))),
    }
}

/// Reads these pages at an LSN of the model, and compares them byte for byte.
pub(crate) async fn read_pages(
    servers: &Servers,
    history: &History,
    lsn: Lsn,
    pages: &PageSet,
    ask: Ask,
) -> Result<(), Violation> {
    let vid = history.vid;
    let what = format!("a read at LSN {lsn}");
    let request = ReadPagesRequest { vid: wire(vid.as_bytes()), lsn: lsn.get(), graft: pages.encode() };
    let answer = ask!(servers, history, what, ask.pagestore(servers).read_pages(&request),);
    let mut expected: BTreeMap<PageIndex, u64> = history.with_model(|model| model.pages(lsn));
    expected.retain(|page, _| pages.contains(*page));
    servers.world.count_more(|counts| &mut counts.pages_compared, answer.pages.len());
    compare_pages(expected, answer.pages.into_iter().map(|page| (page.pageidx, page.data)))
        .map_err(|(page, how)| Violation::WrongPage { vid, lsn, page, how })
}

/// Reads at an LSN that nobody has tried to commit yet: there is none.
pub(crate) async fn read_beyond(servers: &Servers, history: &History, lsn: Lsn) -> Result<(), Violation> {
    let pages = super::all_pages();
    let request = ReadPagesRequest { vid: wire(history.vid.as_bytes()), lsn: lsn.get(), graft: pages.encode() };
    let what = format!("a read at LSN {lsn}, which does not exist");
    let answer = ask!(servers, history, what, servers.pagestore().read_pages(&request),
        GraftErrCode::SnapshotMissing => Ok(()));
    let why = format!("{} pages are told", answer.pages.len());
    Err(Violation::Answer { vid: history.vid, what, why })
}
