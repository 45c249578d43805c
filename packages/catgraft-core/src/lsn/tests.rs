//! Tests of LSNs and their ranges.

use super::{Lsn, LsnError, LsnRange};

fn lsn(number: u64) -> Lsn {
    Lsn::new(number).unwrap()
}

#[test]
fn lsns_count_from_one() {
    assert_eq!(Lsn::new(0), None);
    assert_eq!(Lsn::try_from(0), Err(LsnError::Zero));
    assert_eq!(Lsn::try_from(1), Ok(Lsn::FIRST));
    assert_eq!(lsn(u64::MAX).get(), u64::MAX);
}

#[test]
fn lsns_have_neighbours_but_at_the_ends() {
    assert_eq!(Lsn::FIRST.next(), Ok(lsn(2)));
    assert_eq!(lsn(2).previous(), Some(Lsn::FIRST));
    assert_eq!(Lsn::FIRST.previous(), None);
    assert_eq!(lsn(u64::MAX).next(), Err(LsnError::Exhausted(lsn(u64::MAX))));
}

#[test]
fn lsns_are_ordered_and_shown_as_their_numbers() {
    assert!(lsn(9) < lsn(10));
    assert_eq!(format!("{0} {0:?} {0:>4}", lsn(42)), "42 42   42");
}

#[test]
fn ranges_hold_at_least_one_lsn() {
    let range = LsnRange::new(lsn(3), Some(lsn(3))).unwrap();
    assert_eq!((range.start(), range.end()), (lsn(3), Some(lsn(3))));
    let backwards = LsnError::Backwards { start: lsn(3), end: lsn(2) };
    assert_eq!(LsnRange::new(lsn(3), Some(lsn(2))), Err(backwards));
}

#[test]
fn ranges_without_an_end_reach_to_the_head() {
    let range = LsnRange::new(lsn(u64::MAX), None).unwrap();
    assert_eq!((range.start(), range.end()), (lsn(u64::MAX), None));
}
