//! Tests of the streaming decoder and of the queue's decisions.

mod decoder;
mod fuzz;
mod queue;
mod seal;
