//! The doors of a process: what it needs of the world, with what goes wrong on the way.

mod catalog;
mod network;
mod store;

use std::{fmt::Display, sync::Arc};

pub(crate) use catalog::CatalogDoor;
pub(crate) use network::Wire;
pub(crate) use store::StoreDoor;

use crate::{process::Process, world::World};

/// The source of every error that a simulation makes.
#[derive(Debug, thiserror::Error)]
#[error("simulated: {0}")]
pub(crate) struct Simulated(pub(crate) &'static str);

/// The way of requests to something that may be away, and that loses requests and answers.
pub(crate) struct Way<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) process: &'a Process,
    pub(crate) is_away: fn(&World) -> bool,
    /// Probability that a request is lost; an answer is lost half as often.
    pub(crate) fault: f64,
}

impl Way<'_> {
    /// Brings a request there, and its answer back; or fails, before the effect or after it. `late` is the effect of a
    /// request that was given up, where it has one that may come after all.
    pub(crate) async fn go<T, E, L: Future<Output = ()> + Send + 'static>(
        &self,
        what: impl Display,
        late: impl FnOnce() -> Option<L>,
        effect: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, Simulated> {
        let Self { world, process, is_away, fault } = *self;
        process.pass(world).await;
        world.travel().await;
        if is_away(world) || world.fails(fault) {
            if let Some(late) = late().filter(|_| world.dice.one_in(4)) {
                tokio::spawn(late);
            }
            world.travel().await;
            process.pass(world).await;
            return Err(Simulated("no answer"));
        }
        let outcome = effect.await;
        world.trace.tell(format_args!("{process}: {what}: {}", outcome.is_ok()));
        world.travel().await;
        process.pass(world).await;
        if world.fails(fault / 2.0) { Err(Simulated("the answer is lost")) } else { Ok(outcome) }
    }
}
