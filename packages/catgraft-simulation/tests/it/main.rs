//! Seeds that are simulated in every test run, and what shows that a simulation sees what it is there to see.

mod repeated;
mod sabotage;
mod seeds;

use catgraft_simulation::{Options, Report};

/// Simulates one seed.
fn simulate(seed: u64, options: Options) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    catgraft_simulation::simulate(runtime.expect("a runtime without a network is always to be had"), seed, options)
}
