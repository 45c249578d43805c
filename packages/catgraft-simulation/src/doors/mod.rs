//! The doors of a process: what it needs of the world, with what goes wrong on the way.

mod catalog;
mod network;
mod store;

pub(crate) use catalog::CatalogDoor;
pub(crate) use network::Wire;
pub(crate) use store::StoreDoor;

/// The source of every error that a simulation makes.
#[derive(Debug, thiserror::Error)]
#[error("simulated: {0}")]
pub(crate) struct Simulated(pub(crate) &'static str);
