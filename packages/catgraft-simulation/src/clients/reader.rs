//! Clients that read and pull any volume at any LSN while pushes go on.

use std::{sync::Arc, time::Duration};

use catgraft_core::{Lsn, PageIndex};
use tokio_util::sync::CancellationToken;

use super::{
    Servers,
    compare::{Ask, pull_changes, pull_commits, read_beyond, read_head, read_pages, read_snapshot},
};
use crate::{history::History, plan::VOLUME_PAGES, violation::Violation};

/// Reads of one reader: what happens later in a long simulation is read at its end.
const READS_MAX: u64 = 60;
/// Nobody ever tries to commit so far from the head.
const BEYOND: u64 = 1_000;

/// Reads until all pushes are made.
pub(crate) async fn read_until(
    servers: Servers,
    histories: Arc<[Arc<History>]>,
    done: CancellationToken,
) -> Result<(), Violation> {
    let dice = Arc::clone(&servers.world.dice);
    let think = servers.world.plan.think.max(Duration::from_millis(10));
    for _ in 0..READS_MAX {
        tokio::select! {
            biased;
            () = done.cancelled() => return Ok(()),
            () = tokio::time::sleep(dice.time(think)) => {}
        }
        let history = &histories[dice.number(0..=histories.len() as u64 - 1) as usize];
        read_something(&servers, history).await?;
        servers.world.count(|counts| &mut counts.reads);
    }
    Ok(())
}

async fn read_something(servers: &Servers, history: &History) -> Result<(), Violation> {
    let dice = &servers.world.dice;
    let Some(head) = history.head() else {
        return pull_commits(servers, history, Lsn::FIRST, Ask::default()).await.map(drop);
    };
    let lsn = |from: Lsn| Lsn::new(dice.number(from.get()..=head.get())).expect("it is not below an LSN");
    let start = lsn(Lsn::FIRST);
    let end = lsn(start);
    match dice.number(0..=11) {
        0 => read_head(servers, history).await.map(drop),
        1 => read_snapshot(servers, history, start).await,
        2 => pull_commits(servers, history, start, Ask::default()).await.map(drop),
        3..=5 => {
            // Mostly what a client asks for that was told of a commit, or polls for one.
            let range = if dice.one_in(3) { (start, end) } else { (head, head) };
            let is_known = pull_changes(servers, history, range, Ask::default()).await?;
            if !is_known {
                servers.world.count(|counts| &mut counts.late_polls);
            }
            Ok(())
        }
        6 => read_beyond(servers, history, Lsn::new(head.get() + BEYOND).expect("it is above an LSN")).await,
        _ => {
            let count = dice.number(1..=VOLUME_PAGES);
            // Also pages that no volume has.
            let pages = (0..count).filter_map(|_| PageIndex::new(dice.number(1..=VOLUME_PAGES + 2) as u32)).collect();
            read_pages(servers, history, end, &pages, Ask::default()).await
        }
    }
}
