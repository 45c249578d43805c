//! What a simulation came to, and what many of them came to together.

use std::ops::AddAssign;

use serde::Serialize;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What is counted.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl AddAssign for Counts {
            fn add_assign(&mut self, more: Self) {
                $(self.$name += more.$name;)*
            }
        }
    };
}

counts! {
    /// Commits that were acknowledged.
    acknowledged,
    /// Commits that another client's was faster than.
    races_lost,
    /// Commits that were acknowledged a second time, at the same LSN.
    repeated,
    /// Pushes that their clients gave up.
    given_up,
    /// Commits that landed although their clients had given them up.
    landed_untold,
    /// Requests that got no answer, or one to come back later.
    unanswered,
    /// Polls that did not know yet of a commit that was acknowledged elsewhere.
    late_polls,
    /// Processes that crashed.
    crashes,
    /// Processes that were stopped for a while and went on.
    freezes,
    /// Processes that were told to stop.
    stops,
    /// Times that the store or the catalog was away.
    outages,
    /// Requests that were made to fail, or their answers lost.
    faults,
    /// Requests that arrived twice.
    doubled,
    /// Objects that were removed.
    removed,
    /// Reads and pulls that were compared.
    reads,
    /// Pages that were compared byte for byte.
    pages_compared,
}

/// What one simulation came to.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Hash of all that happened: the same for the same seed and the same programs.
    pub hash: u64,
    /// How long it took by the simulated clock.
    pub simulated_seconds: u64,
    /// What was counted.
    pub counts: Counts,
    /// The promise that was broken; none where all were kept.
    pub violation: Option<String>,
    /// What happened, line by line, where that was asked for.
    #[serde(skip)]
    pub trace: Vec<String>,
}
