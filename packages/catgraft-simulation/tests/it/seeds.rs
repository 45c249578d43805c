//! A thousand seeds: no promise is broken in any of them.
//! `cargo run --locked --example simulation -- --count 1000000` makes more.

use std::ops::Range;

use catgraft_simulation::{Counts, Options};

use crate::simulate;

fn all_promises_hold(seeds: Range<u64>) {
    let mut counts = Counts::default();
    for seed in seeds {
        let report = simulate(seed, Options::default());
        assert_eq!(
            report.violation, None,
            "seed {seed}; again: cargo run --locked --example simulation -- --seed {seed}"
        );
        counts += report.counts;
    }
    // Something happened.
    for (what, count) in [
        ("commits", counts.acknowledged),
        ("lost races", counts.races_lost),
        ("retries", counts.repeated),
        ("crashes", counts.crashes),
        ("freezes", counts.freezes),
        ("faults", counts.faults),
        ("reads", counts.reads),
        ("removed objects", counts.removed),
    ] {
        assert!(count >= 100, "{count} {what}");
    }
}

#[test]
fn in_the_first_quarter_all_promises_hold() {
    all_promises_hold(0..250);
}

#[test]
fn in_the_second_quarter_all_promises_hold() {
    all_promises_hold(250..500);
}

#[test]
fn in_the_third_quarter_all_promises_hold() {
    all_promises_hold(500..750);
}

#[test]
fn in_the_last_quarter_all_promises_hold() {
    all_promises_hold(750..1000);
}
