//! One life of one daemon, and how it ends.
//!
//! A daemon touches the world through doors only: the store, the catalog, the network, in and out. At every passage of
//! one its process may crash or be stopped for a while, before the effect and after it. Whatever a dead process goes on to
//! do stays behind a door for ever, and whoever waits for its answer sees a broken connection. As nothing between two
//! doors can be seen from outside, and nothing of a process's memory outlives it, this is a crash at every await.

use std::{future::pending, time::Duration};

use catgraft_service::http::in_process::Request;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// Which of the daemons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Daemon {
    Metastore(usize),
    Pagestore(usize),
}

/// One life of it.
pub(crate) struct Process {
    pub(crate) daemon: Daemon,
    life: u32,
    /// Its requests, as its socket would hand them over.
    pub(crate) requests: mpsc::UnboundedSender<Request>,
    /// Told to stop in order.
    pub(crate) stop: CancellationToken,
    dead: CancellationToken,
    frozen_until: Mutex<Option<Instant>>,
    goes_on: Notify,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.daemon {
            Daemon::Metastore(number) => write!(f, "metastore {number}, life {}", self.life),
            Daemon::Pagestore(number) => write!(f, "pagestore {number}, life {}", self.life),
        }
    }
}

impl Process {
    /// A process that has just begun.
    pub(crate) fn new(daemon: Daemon, life: u32, requests: mpsc::UnboundedSender<Request>) -> Self {
        Self {
            daemon,
            life,
            requests,
            stop: CancellationToken::new(),
            dead: CancellationToken::new(),
            frozen_until: Mutex::default(),
            goes_on: Notify::new(),
        }
    }

    /// Passes a door: at once, later where the process is stopped for a while, or never.
    pub(crate) async fn pass(&self, world: &World) {
        if !self.is_dead() && world.happens(world.plan.crash) {
            self.kill(world, "crashes at a door");
        }
        if !self.is_dead() && world.happens(world.plan.freeze) {
            self.freeze(world);
        }
        self.thaw().await;
        if self.is_dead() {
            pending::<()>().await;
        }
    }

    /// Waits for as long as it is stopped.
    pub(crate) async fn thaw(&self) {
        loop {
            let frozen_until = *self.frozen_until.lock();
            match frozen_until {
                Some(until) if until > Instant::now() && !self.is_dead() => tokio::select! {
                    biased;
                    () = self.goes_on.notified() => {}
                    () = self.dead.cancelled() => {}
                    () = sleep_until(until) => {}
                },
                _ => return,
            }
        }
    }

    /// Ends it.
    pub(crate) fn kill(&self, world: &World, how: &str) {
        world.trace.tell(format_args!("{self} {how}"));
        world.count(|counts| &mut counts.crashes);
        self.dead.cancel();
        // Nothing of it gets out any more; this only keeps its timers from going on for hours.
        self.stop.cancel();
    }

    /// Stops it for a while.
    pub(crate) fn freeze(&self, world: &World) {
        let longest = world.dice.pick(&[100, 3_000, 40_000]);
        let mut time = world.dice.time(Duration::from_millis(longest));
        if world.plan.orphans.is_some() && world.dice.one_in(4) {
            time = world.dice.time(Duration::from_secs(6 * 60 * 60));
        }
        world.trace.tell(format_args!("{self} is stopped for {time:?}"));
        world.count(|counts| &mut counts.freezes);
        *self.frozen_until.lock() = Some(Instant::now() + time);
    }

    /// It goes on.
    pub(crate) fn go_on(&self) {
        *self.frozen_until.lock() = None;
        self.goes_on.notify_waiters();
    }

    /// It ended by itself, after it was told to.
    pub(crate) fn ended(&self) {
        self.dead.cancel();
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// Waits for its end.
    pub(crate) async fn dead(&self) {
        self.dead.cancelled().await;
    }
}
