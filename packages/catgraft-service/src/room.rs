//! Room: a bounded amount of something that requests take a share of, such as memory, and the bounded queue before it.
//!
//! Who finds none waits, in the order of coming, for a short time and among few. Everybody beyond is told at once, so
//! that a client hears within moments that it should come back, and a burst is still served. Shares come back when they
//! are dropped, whatever becomes of the request.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How many may wait for room, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Most requests that wait at a time.
    pub waiting_max: usize,
    /// Longest that one waits.
    pub wait_max: Duration,
}

/// There was no room, and none came free in time. Later there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no room now: others have it")]
pub struct Full;

/// A bounded amount of something. Cheap to clone; clones are the same room.
#[derive(Debug, Clone)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    permits: Arc<Semaphore>,
    size: usize,
    queue: Queue,
    waiting: AtomicUsize,
}

/// A part of a room. Comes back when it is dropped.
#[derive(Debug, Default)]
pub struct Share(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

/// Most units of a room: what one share can be.
const SIZE_MAX: usize =
    if Semaphore::MAX_PERMITS < u32::MAX as usize { Semaphore::MAX_PERMITS } else { u32::MAX as usize };

impl Room {
    /// A room of so many units, with this queue before it.
    pub fn new(units: usize, queue: Queue) -> Self {
        let size = units.clamp(1, SIZE_MAX);
        let permits = Arc::new(Semaphore::new(size));
        Self(Arc::new(Inner { permits, size, queue, waiting: AtomicUsize::new(0) }))
    }

    /// A share of so many units, or of all of them where that is less; waits for it where the queue has a place.
    pub async fn take(&self, units: usize) -> Result<Share, Full> {
        self.take_within(units, self.0.queue.wait_max).await
    }

    /// The same for who has waited his turn and holds what others wait for: his wait is this one.
    pub async fn take_within(&self, units: usize, wait_max: Duration) -> Result<Share, Full> {
        let Inner { permits, size, queue, waiting } = &*self.0;
        let units = u32::try_from(units.min(*size)).expect("a room has at most so many units");
        if let Ok(permit) = Arc::clone(permits).try_acquire_many_owned(units) {
            return Ok(Share(Some(permit)));
        }
        let place = Place::take(waiting);
        if place.others >= queue.waiting_max {
            return Err(Full);
        }
        match timeout(wait_max, Arc::clone(permits).acquire_many_owned(units)).await {
            Ok(permit) => Ok(Share(permit.ok())),
            Err(_) => Err(Full),
        }
    }

    /// Units that are taken now.
    pub fn used(&self) -> usize {
        self.0.size - self.0.permits.available_permits().min(self.0.size)
    }

    /// Requests that wait now.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }
}

/// A place in the queue. Comes back when it is dropped, also where its request goes away.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    /// Those who were there before.
    others: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        Self { waiting, others: waiting.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
