//! The clients: they push, race, repeat, give up, read and pull, and compare every answer with what it must be.

pub(crate) mod compare;
mod pusher;
pub(crate) mod readback;
mod reader;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use catgraft_client::{Endpoint, Error, MetastoreClient, PagestoreClient, Retry};

pub(crate) use self::{pusher::push_all, reader::read_until};
use crate::{
    daemons::{metastores, pagestores},
    doors::Wire,
    process::Daemon,
    violation::Violation,
    world::World,
};

/// Longest pause after a request without an answer.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// A client gives up an answer that does not come within one of these.
const TIMEOUTS: [u64; 3] = [2, 20, 60];
/// One in so many clients sleeps for hours before it takes an answer, where a simulation is of hours.
const SLEEPER_ONE_IN: u32 = 4;
/// How long it sleeps at most.
const SLEEP_MAX: Duration = Duration::from_secs(8 * 60 * 60);
/// Once nothing is in the way, every request is answered within this time, however often it must be repeated.
const CALM_MAX: Duration = Duration::from_secs(15 * 60);

/// An id as messages have it.
pub(crate) fn wire(id: &[u8; 16]) -> Bytes {
    Bytes::copy_from_slice(id)
}

/// All servers, as clients reach them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Servers {
    pub(crate) world: Arc<World>,
}

impl Servers {
    fn endpoint(&self, to: Vec<Daemon>) -> Endpoint {
        let world = &self.world;
        let mut timeout = Duration::from_secs(world.dice.pick(&TIMEOUTS));
        if world.plan.orphans.is_some() && !world.is_calm() && world.dice.one_in(SLEEPER_ONE_IN) {
            timeout = SLEEP_MAX;
        }
        Endpoint::over(Arc::new(Wire { world: Arc::clone(&self.world), from: None, to, timeout }), Retry::NEVER)
    }

    /// Any metastore.
    pub(crate) fn metastore(&self) -> MetastoreClient {
        MetastoreClient::new(self.endpoint(metastores()))
    }

    /// Any pagestore.
    pub(crate) fn pagestore(&self) -> PagestoreClient {
        PagestoreClient::new(self.endpoint(pagestores()))
    }

    /// This one.
    pub(crate) fn metastore_at(&self, number: usize) -> MetastoreClient {
        MetastoreClient::new(self.endpoint(vec![Daemon::Metastore(number)]))
    }

    /// This one.
    pub(crate) fn pagestore_at(&self, number: usize) -> PagestoreClient {
        PagestoreClient::new(self.endpoint(vec![Daemon::Pagestore(number)]))
    }

    /// Waits a little after an error that may pass, and hands any other one back.
    pub(crate) async fn after(&self, error: Error) -> Result<(), Error> {
        if !error.is_temporary() {
            return Err(error);
        }
        self.world.count(|counts| &mut counts.unanswered);
        tokio::time::sleep(self.world.dice.time(PAUSE_MAX)).await;
        Ok(())
    }
}

/// How long the same question is asked again.
pub(crate) struct Patience {
    what: String,
    calm_since: Option<tokio::time::Instant>,
}

impl Patience {
    pub(crate) fn new(what: String) -> Self {
        Self { what, calm_since: None }
    }

    /// There was no answer. An error where nothing was in its way for long.
    pub(crate) fn wait(&mut self, world: &World, last: &dyn std::fmt::Display) -> Result<(), Violation> {
        if !world.is_calm() {
            return Ok(());
        }
        let since = self.calm_since.get_or_insert_with(tokio::time::Instant::now);
        match since.elapsed() > CALM_MAX {
            true => Err(Violation::Stuck { what: self.what.clone(), last: last.to_string() }),
            false => Ok(()),
        }
    }
}

/// Numbers as a page set has them.
pub(crate) fn all_pages() -> catgraft_core::PageSet {
    let numbers: BTreeSet<u32> = (1..=crate::plan::VOLUME_PAGES as u32 + 2).collect();
    numbers.into_iter().filter_map(catgraft_core::PageIndex::new).collect()
}
