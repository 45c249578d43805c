//! Percentiles of known latencies.

use super::{Latencies, Percentiles};

#[test]
fn percentiles_are_those_of_the_values_to_three_digits() {
    let mut odd = Latencies::new();
    let mut even = Latencies::new();
    for micros in 1..=1000u64 {
        if micros % 2 == 0 { &mut even } else { &mut odd }.record(micros * 1000);
    }
    odd.add(&even);
    assert_eq!(odd.len(), 1000);
    let Percentiles { min_us, mean_us, p50_us, p90_us, p99_us, p999_us, max_us } = odd.percentiles();
    for (found, expected) in [
        (min_us, 1.0),
        (mean_us, 500.5),
        (p50_us, 500.0),
        (p90_us, 900.0),
        (p99_us, 990.0),
        (p999_us, 999.0),
        (max_us, 1000.0),
    ] {
        assert!((found - expected).abs() <= expected / 1000.0, "{found} is not {expected}");
    }
}

#[test]
fn of_nothing_everything_is_zero() {
    assert_eq!(Latencies::new().percentiles(), Percentiles::default());
}
