//! Where requests go: to any of the metastores and pagestores, and to another one when no answer comes.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use catgraft_client::{Endpoint, EndpointError, Error, MetastoreClient, PagestoreClient, Retry};
use catgraft_proto::graft::common::v1::GraftErrCode;
use rand::{Rng as _, rngs::SmallRng, seq::IndexedRandom as _};

use crate::tally::Tally;

/// How a pagestore answers where the store denies access: a write, and the end of what it says of a read.
const DENIED_WRITE: &str = "the object store refuses the pages";
const DENIED_READ: &str = "can't be read";
/// Longest pause after an attempt without an answer.
const PAUSE_MAX_MS: u64 = 40;

/// An id as messages have it.
pub(crate) fn wire(id: &[u8; 16]) -> Bytes {
    Bytes::copy_from_slice(id)
}

/// All servers. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    metastores: Arc<[MetastoreClient]>,
    pagestores: Arc<[PagestoreClient]>,
    expect_refusals: bool,
    tally: Arc<Tally>,
}

impl Servers {
    /// The servers at these addresses; an answer that does not come in time is given up.
    pub(crate) fn new(
        metastores: &[String],
        pagestores: &[String],
        timeout: Duration,
        expect_refusals: bool,
        tally: Arc<Tally>,
    ) -> Result<Self, EndpointError> {
        let endpoint = |url: &String| Endpoint::new(url, None, timeout, Retry::NEVER);
        let metastores: Result<Vec<_>, _> =
            metastores.iter().map(|url| endpoint(url).map(MetastoreClient::new)).collect();
        let pagestores: Result<Vec<_>, _> =
            pagestores.iter().map(|url| endpoint(url).map(PagestoreClient::new)).collect();
        Ok(Self { metastores: metastores?.into(), pagestores: pagestores?.into(), expect_refusals, tally })
    }

    /// What is counted.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Any metastore.
    pub(crate) fn metastore(&self, rng: &mut SmallRng) -> &MetastoreClient {
        self.metastores.choose(rng).expect("there is a metastore")
    }

    /// Any pagestore.
    pub(crate) fn pagestore(&self, rng: &mut SmallRng) -> &PagestoreClient {
        self.pagestores.choose(rng).expect("there is a pagestore")
    }

    /// All metastores.
    pub(crate) fn metastores(&self) -> &[MetastoreClient] {
        &self.metastores
    }

    /// Is the same request to be made again? If so, after a short pause, which this waits for.
    pub(crate) async fn is_to_be_repeated(&self, rng: &mut SmallRng, error: &Error) -> bool {
        if !error.is_temporary() {
            return false;
        }
        self.tally.unanswered.add(1);
        self.pause(rng).await;
        true
    }

    /// A short pause before a request is made again.
    pub(crate) async fn pause(&self, rng: &mut SmallRng) {
        tokio::time::sleep(Duration::from_millis(rng.random_range(1..=PAUSE_MAX_MS))).await;
    }

    /// Is a refused read to be made again because the store's answer was damaged?
    pub(crate) fn is_damage(&self, error: &Error) -> bool {
        let is_damage = self.expect_refusals && error.code() == Some(GraftErrCode::Server);
        self.tally.damaged.add(usize::from(is_damage));
        is_damage
    }

    /// Is a refused read or write to be made again because the store denied access? If so, after a short pause, which
    /// this waits for.
    pub(crate) async fn is_denial(&self, rng: &mut SmallRng, error: &Error) -> bool {
        let is_denial = self.expect_refusals && says_denied(error);
        if is_denial {
            self.tally.denied.add(1);
            self.pause(rng).await;
        }
        is_denial
    }
}

fn says_denied(error: &Error) -> bool {
    match error {
        Error::Refused { code: GraftErrCode::Server, message, .. } => {
            message == DENIED_WRITE || message.ends_with(DENIED_READ)
        }
        _ => false,
    }
}
