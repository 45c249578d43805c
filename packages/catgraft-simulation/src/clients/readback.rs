//! The end of a simulation: when nothing goes wrong any more, every commit is read back from every server.

use std::{sync::Arc, time::Duration};

use catgraft_core::Lsn;
use tokio::time::sleep;

use super::{
    Servers, all_pages,
    compare::{Ask, pull_changes, pull_commits, read_head_of, read_pages},
};
use crate::{history::History, plan::SERVERS, violation::Violation};

/// After so long late statements have landed, and heads that are polled were compared.
const QUIET: Duration = Duration::from_secs(6 * 60);

/// After so long a segment that nobody names would have been removed: it is found after the grace period and an hour,
/// and removed after another one.
const ORPHANS_GONE: Duration = Duration::from_secs(5 * 60 * 60);

/// Reads everything back.
pub(crate) async fn read_everything_back(servers: &Servers, histories: &[Arc<History>]) -> Result<(), Violation> {
    sleep(QUIET).await;
    if servers.world.plan.orphans.is_some() {
        sleep(ORPHANS_GONE).await;
    }
    for history in histories {
        for number in 0..SERVERS {
            read_volume_back(servers, history, Ask { server: Some(number) }).await?;
        }
        servers.world.count_more(|counts| &mut counts.landed_untold, history.landed_untold());
    }
    Ok(())
}

async fn read_volume_back(servers: &Servers, history: &History, ask: Ask) -> Result<(), Violation> {
    // First of all, because every other question would tell the metastore of it.
    if let Some(known) = history.head() {
        poll(servers, history, (known, known), ask).await?;
    }
    let head = read_head_of(servers, history, ask).await?;
    if pull_commits(servers, history, Lsn::FIRST, ask).await? != head {
        let (what, why) = ("the log".to_owned(), "it does not end at the head".to_owned());
        return Err(Violation::Answer { vid: history.vid, what, why });
    }
    let Some(head) = head else { return Ok(()) };
    poll(servers, history, (Lsn::FIRST, head), ask).await?;
    for lsn in (1..=head.get()).filter_map(Lsn::new) {
        read_pages(servers, history, lsn, &all_pages(), ask).await?;
    }
    Ok(())
}

/// Polls. A head whose announcement was lost may be behind, but no longer than it takes to compare what is polled.
async fn poll(servers: &Servers, history: &History, range: (Lsn, Lsn), ask: Ask) -> Result<(), Violation> {
    if pull_changes(servers, history, range, ask).await? {
        return Ok(());
    }
    servers.world.count(|counts| &mut counts.late_polls);
    sleep(QUIET).await;
    if pull_changes(servers, history, range, ask).await? {
        return Ok(());
    }
    let why = format!("it does not know of LSN {}, {QUIET:?} after it was asked for it first", range.1);
    Err(Violation::Answer { vid: history.vid, what: "a poll".to_owned(), why })
}
