//! The same seed does the same.

use catgraft_simulation::Options;

use crate::simulate;

#[test]
fn a_seed_that_is_simulated_again_does_the_same() {
    for seed in 0..60 {
        let [first, again] = [(); 2].map(|()| simulate(seed, Options::default()));
        assert_eq!((first.hash, first.counts), (again.hash, again.counts), "seed {seed}");
    }
}

#[test]
fn another_seed_does_something_else() {
    assert_ne!(simulate(1, Options::default()).hash, simulate(2, Options::default()).hash);
}

#[test]
fn what_happened_is_told_where_that_is_wanted() {
    let told = simulate(1, Options { keep_trace: true, ..Options::default() });
    assert!(told.trace.iter().any(|line| line.contains("/metastore/v1/commit")), "{:?}", told.trace);
    assert_eq!(told.hash, simulate(1, Options::default()).hash, "telling changes nothing");
}
