//! Tests of which requests a fault strikes.

use super::*;

#[test]
fn a_rule_strikes_what_it_fits_as_often_as_it_says() {
    let mut faults = Faults::new(1);
    faults.add(FaultRule::new(Fault::SlowDown).on(S3Call::Put).key("b/").skip(1).times(2)).unwrap();
    assert_eq!(faults.strike(S3Call::Get, "b/1"), None);
    assert_eq!(faults.strike(S3Call::Put, "a/1"), None);
    let outcomes: Vec<_> = (0..5).map(|_| faults.strike(S3Call::Put, "b/1").is_some()).collect();
    assert_eq!(outcomes, [false, true, true, false, false]);
    assert_eq!(faults.struck(), &BTreeMap::from([("slow_down", 2)]));
}

#[test]
fn the_first_rule_that_fires_is_the_one() {
    let mut faults = Faults::new(1);
    let first = faults.add(FaultRule::new(Fault::FlipBit).times(1)).unwrap();
    let second = faults.add(FaultRule::new(Fault::Truncate)).unwrap();
    assert_eq!(faults.strike(S3Call::Get, "k"), Some(Fault::FlipBit));
    assert_eq!(faults.strike(S3Call::Get, "k"), Some(Fault::Truncate));
    assert!(faults.remove(second) && !faults.remove(second) && faults.remove(first));
    assert_eq!(faults.strike(S3Call::Get, "k"), None);
}

fn drawn(seed: u64) -> Vec<bool> {
    let mut faults = Faults::new(seed);
    faults.add(FaultRule::new(Fault::InternalError).chance(0.5)).unwrap();
    (0..64).map(|_| faults.strike(S3Call::Get, "k").is_some()).collect()
}

#[test]
fn chances_are_drawn_from_the_seed() {
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
    assert!(drawn(7).contains(&true) && drawn(7).contains(&false));
    let error = Faults::new(1).add(FaultRule::new(Fault::SlowDown).chance(1.5)).unwrap_err();
    assert!(error.contains("1.5") && error.contains("from 0 to 1"), "{error}");
}

#[test]
fn a_rule_is_read_as_the_handbook_writes_it() {
    let rule: FaultRule = serde_json::from_str(r#"{"fault":"slow_down","call":"put","times":2}"#).unwrap();
    assert_eq!(rule, FaultRule::new(Fault::SlowDown).on(S3Call::Put).times(2));
    let rule: FaultRule = serde_json::from_str(r#"{"fault":{"slow":500},"key":"abc","chance":0.25}"#).unwrap();
    assert_eq!(rule, FaultRule::new(Fault::Slow(500)).key("abc").chance(0.25));
    assert!(serde_json::from_str::<FaultRule>(r#"{"fault":"slow_down","time":2}"#).is_err());
}
