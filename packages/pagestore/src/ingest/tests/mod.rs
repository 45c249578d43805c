//! Tests of the streaming decoder, of sealing, and of the queue: its decisions, and the queue at work.

mod decoder;
mod fuzz;
mod queue;
mod seal;
mod work;
