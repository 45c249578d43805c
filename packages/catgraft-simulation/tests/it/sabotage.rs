//! Services that lie are found: each of these would be a bug that loses or falsifies what was acknowledged.

use catgraft_simulation::{Options, Sabotage};

use crate::simulate;

/// The first seed that finds it, and what it says.
fn found(sabotage: Sabotage) -> (u64, String) {
    let options = Options { sabotage: Some(sabotage), ..Options::default() };
    let found = (0..1000).find_map(|seed| Some((seed, simulate(seed, options).violation?)));
    found.unwrap_or_else(|| panic!("{sabotage:?} is not found in a thousand seeds"))
}

#[test]
fn an_object_that_was_acknowledged_and_is_not_stored_is_found() {
    let (seed, violation) = found(Sabotage::LoseObject);
    assert!(violation.contains("a read at LSN"), "seed {seed}: {violation}");
}

#[test]
fn a_commit_that_was_acknowledged_and_did_not_land_is_found() {
    found(Sabotage::LoseCommit);
}

#[test]
fn a_retry_that_is_not_known_is_found() {
    found(Sabotage::ForgetRetries);
}

#[test]
fn a_head_that_is_not_the_newest_is_found() {
    let (seed, violation) = found(Sabotage::TellOldHeads);
    assert!(violation.contains("was known before it was asked"), "seed {seed}: {violation}");
}

#[test]
fn a_commit_on_an_old_base_that_lands_is_found() {
    found(Sabotage::AcceptOldBases);
}

#[test]
fn the_removal_of_a_segment_that_a_commit_names_is_found() {
    let (seed, violation) = found(Sabotage::RemoveNamed);
    assert!(violation.contains("a read at LSN"), "seed {seed}: {violation}");
}

#[test]
fn what_was_found_is_found_again() {
    let options = Options { sabotage: Some(Sabotage::LoseCommit), ..Options::default() };
    let (seed, violation) = found(Sabotage::LoseCommit);
    assert_eq!(simulate(seed, options).violation, Some(violation));
}
