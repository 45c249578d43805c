//! Everything that the parts of a simulation share: what the seed decided, what lives, what happened.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use catgraft_objects::MemoryStore;
use metastore::catalog::Memory;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    dice::{Dice, MachineClock},
    plan::Plan,
    process::{Daemon, Process},
    report::Counts,
    sabotage::{self, Sabotage},
    trace::Trace,
    violation::Violation,
};

/// The world of one simulation.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) dice: Arc<Dice>,
    pub(crate) trace: Trace,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) catalog: Arc<Memory>,
    /// Cancelled whenever all connections to the catalog break.
    pub(crate) catalog_connections: Mutex<CancellationToken>,
    store_away_until: Mutex<Option<Instant>>,
    catalog_away_until: Mutex<Option<Instant>>,
    processes: Mutex<BTreeMap<Daemon, Arc<Process>>>,
    counts: Mutex<Counts>,
    /// From then on nothing goes wrong any more.
    calm: CancellationToken,
    sabotage: Option<Sabotage>,
    /// The first promise that was broken by what no client asked for.
    broken: Mutex<Option<Violation>>,
}

impl World {
    pub(crate) fn new(seed: u64, sabotage: Option<Sabotage>, keep_trace: bool) -> Self {
        let dice = Arc::new(Dice::new(seed));
        let plan = Plan::draw(&dice);
        Self {
            plan,
            dice,
            trace: Trace::new(keep_trace),
            store: Arc::new(MemoryStore::new()),
            catalog: Arc::new(Memory::new()),
            catalog_connections: Mutex::default(),
            store_away_until: Mutex::default(),
            catalog_away_until: Mutex::default(),
            processes: Mutex::default(),
            counts: Mutex::default(),
            calm: CancellationToken::new(),
            sabotage,
            broken: Mutex::default(),
        }
    }

    /// Does this go wrong now?
    pub(crate) fn happens(&self, probability: f64) -> bool {
        !self.is_calm() && self.dice.chance(probability)
    }

    /// Does this go wrong now, so that somebody gets no answer?
    pub(crate) fn fails(&self, probability: f64) -> bool {
        let fails = self.happens(probability);
        if fails {
            self.count(|counts| &mut counts.faults);
        }
        fails
    }

    /// Is this taken away all the time?
    pub(crate) fn is_sabotaged(&self, what: Sabotage) -> bool {
        self.sabotage == Some(what)
    }

    /// Is this taken away now?
    pub(crate) fn sabotaged(&self, what: Sabotage) -> bool {
        self.is_sabotaged(what) && self.dice.one_in(sabotage::ONE_IN)
    }

    /// How long a message is on its way.
    pub(crate) fn latency(&self) -> Duration {
        // One in some is late.
        let longest = if self.happens(0.02) { self.plan.latency * 20 } else { self.plan.latency };
        self.dice.time(longest)
    }

    /// A moment's way of a message.
    pub(crate) async fn travel(&self) {
        let latency = self.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
    }

    pub(crate) fn count(&self, which: impl FnOnce(&mut Counts) -> &mut u64) {
        self.count_more(which, 1);
    }

    pub(crate) fn count_more(&self, which: impl FnOnce(&mut Counts) -> &mut u64, more: usize) {
        *which(&mut self.counts.lock()) += more as u64;
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    /// A machine's clock.
    pub(crate) fn clock(&self) -> MachineClock {
        MachineClock::new(self.trace.start(), self.dice.time(self.plan.clocks_differ))
    }

    pub(crate) fn process(&self, daemon: Daemon) -> Option<Arc<Process>> {
        self.processes.lock().get(&daemon).filter(|process| !process.is_dead()).cloned()
    }

    /// A process has begun.
    pub(crate) fn enter(&self, process: Arc<Process>) {
        self.processes.lock().insert(process.daemon, process);
    }

    pub(crate) fn store_is_away(&self) -> bool {
        is_ahead(*self.store_away_until.lock()) && !self.is_calm()
    }

    pub(crate) fn catalog_is_away(&self) -> bool {
        is_ahead(*self.catalog_away_until.lock()) && !self.is_calm()
    }

    /// Takes the store away for so long.
    pub(crate) fn take_store(&self, time: Duration) {
        self.trace.tell(format_args!("the store is away for {time:?}"));
        self.count(|counts| &mut counts.outages);
        *self.store_away_until.lock() = Some(Instant::now() + time);
    }

    /// Takes the catalog away for so long; connections to it break.
    pub(crate) fn take_catalog(&self, time: Duration) {
        self.trace.tell(format_args!("the catalog is away for {time:?}"));
        self.count(|counts| &mut counts.outages);
        *self.catalog_away_until.lock() = Some(Instant::now() + time);
        self.catalog_connections.lock().cancel();
        *self.catalog_connections.lock() = CancellationToken::new();
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.is_cancelled()
    }

    /// Waits for the end of all that goes wrong.
    pub(crate) async fn calm(&self) {
        self.calm.cancelled().await;
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn calm_down(&self) {
        self.trace.tell(format_args!("nothing goes wrong from now on"));
        self.calm.cancel();
        self.processes.lock().values().for_each(|process| process.go_on());
    }

    /// A promise was broken.
    pub(crate) fn broke(&self, violation: Violation) {
        self.broken.lock().get_or_insert(violation);
    }

    pub(crate) fn take_broken(&self) -> Option<Violation> {
        self.broken.lock().take()
    }
}

fn is_ahead(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until > Instant::now())
}
