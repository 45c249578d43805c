//! The pagestore as others see it: real services, real HTTP, real processes where they have to die.

mod fuzz;
mod kill;
mod large_push;
mod model;
mod outage;
mod protocol;
mod support;
