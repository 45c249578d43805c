//! Clients that read and pull any volume at any LSN while pushes go on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use catgraft_core::{Lsn, PageIndex};
use rand::{Rng as _, rngs::SmallRng};

use crate::{
    compare::{compare_changes, compare_commits, compare_pages},
    servers::Servers,
    violation::Violation,
    volume::{PAGES, Volumes},
};

/// Reads until the flag is set.
pub(crate) async fn read_until(
    servers: Servers,
    volumes: Arc<Volumes>,
    stop: Arc<AtomicBool>,
    mut rng: SmallRng,
) -> Result<(), Violation> {
    while !stop.load(Ordering::Relaxed) {
        let Some((volume, head)) = volumes.draw(&mut rng).and_then(|volume| volume.head().map(|head| (volume, head)))
        else {
            // Nothing was acknowledged yet.
            tokio::task::yield_now().await;
            continue;
        };
        let mut lsn = |from: Lsn| Lsn::new(rng.random_range(from.get()..=head.get())).expect("it is not below an LSN");
        let start = lsn(Lsn::FIRST);
        let end = lsn(start);
        match rng.random_range(0..8) {
            0 => compare_changes(&servers, &mut rng, &volume, (start, end)).await?,
            1 => compare_commits(&servers, &mut rng, &volume, (start, end)).await?,
            _ => {
                // Also pages that no volume has.
                let pages =
                    (0..rng.random_range(1..PAGES)).filter_map(|_| PageIndex::new(rng.random_range(1..PAGES * 2)));
                let pages = pages.collect();
                compare_pages(&servers, &mut rng, &volume, end, &pages).await?;
            }
        }
        servers.tally().reads.add(1);
    }
    Ok(())
}
