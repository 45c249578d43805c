//! The commit decision: each rule by itself, and all of them against the plain words of the protocol.

use std::collections::HashMap;

use catgraft_core::{ClientId, Lsn, PageCount, PageIndex, PageSet, SegmentId, Timestamp, VolumeId};
use catgraft_proto::{CommitCall, SegmentPages};
use proptest::prelude::*;

use super::{CommitState, Decision, Holding, Invalid, Rival, decide, lsn_after};
use crate::catalog::Snapshot;

const NOW: Timestamp = Timestamp::from_millis(1);

fn vid() -> VolumeId {
    VolumeId::from_parts(NOW, [1; 9])
}

fn sid(number: u8) -> SegmentId {
    SegmentId::from_parts(NOW, [number; 9])
}

fn cid(number: u8) -> ClientId {
    ClientId::from_parts(NOW, [number; 9])
}

fn lsn(number: u64) -> Lsn {
    Lsn::new(number).unwrap()
}

fn pages(numbers: impl IntoIterator<Item = u32>) -> PageSet {
    numbers.into_iter().map(|number| PageIndex::new(number).unwrap()).collect()
}

fn call(base: Option<u64>, segments: &[(u8, &[u32])]) -> CommitCall {
    let segments = segments
        .iter()
        .map(|(number, numbers)| SegmentPages { sid: sid(*number), pages: pages(numbers.iter().copied()) });
    CommitCall {
        vid: vid(),
        cid: cid(1),
        base: base.map(lsn),
        page_count: PageCount::new(9),
        segments: segments.collect(),
    }
}

fn rival(number: u64, client: u8, page_count: u32, numbers: &[u32]) -> Rival {
    let snapshot = Snapshot {
        vid: vid(),
        cid: cid(client),
        lsn: lsn(number),
        checkpoint: Lsn::FIRST,
        page_count: PageCount::new(page_count),
        timestamp: NOW,
    };
    Rival { snapshot, pages: pages(numbers.iter().copied()) }
}

fn state(head: Option<u64>, rival: Option<Rival>, segments: &[(u8, Option<&[u32]>)]) -> CommitState {
    let holding = |held: &Option<&[u32]>| match held {
        Some(numbers) => Holding::Pages(pages(numbers.iter().copied())),
        None => Holding::OtherVolumes,
    };
    let segments = segments.iter().map(|(number, held)| (sid(*number), holding(held))).collect::<HashMap<_, _>>();
    CommitState { head: head.map(lsn), rival, segments }
}

#[test]
fn a_commit_on_the_head_gets_the_next_lsn() {
    assert_eq!(decide(&call(None, &[]), &state(None, None, &[])), Decision::Accept(lsn(1)));
    assert_eq!(decide(&call(Some(7), &[]), &state(Some(7), None, &[])), Decision::Accept(lsn(8)));
}

#[test]
fn a_commit_on_anything_else_is_rejected() {
    for (base, head) in
        [(None, Some(1)), (Some(1), None), (Some(1), Some(2)), (Some(3), Some(2)), (Some(u64::MAX), Some(2))]
    {
        assert_eq!(decide(&call(base, &[]), &state(head, None, &[])), Decision::Rejected, "{base:?} on {head:?}");
    }
    let other_client = rival(2, 2, 9, &[]);
    assert_eq!(decide(&call(Some(1), &[]), &state(Some(2), Some(other_client), &[])), Decision::Rejected);
}

#[test]
fn a_retry_wins_whatever_segments_it_names_and_wherever_the_head_is() {
    let there = rival(2, 1, 9, &[1, 2]);
    let retry = call(Some(1), &[(8, &[1]), (9, &[2])]);
    for head in [2, 3, 900] {
        let decision = decide(&retry, &state(Some(head), Some(there.clone()), &[]));
        assert_eq!(decision, Decision::AlreadyCommitted(there.snapshot));
    }
}

#[test]
fn other_content_of_the_same_client_is_invalid() {
    let invalid = Decision::Invalid(Invalid::OtherContent { lsn: lsn(2) });
    for there in [rival(2, 1, 8, &[1]), rival(2, 1, 9, &[1, 2]), rival(2, 1, 9, &[])] {
        assert_eq!(decide(&call(Some(1), &[(1, &[1])]), &state(Some(2), Some(there), &[])), invalid);
    }
}

#[test]
fn pages_must_be_in_the_segments_that_are_named() {
    let known: &[(u8, Option<&[u32]>)] = &[(1, Some(&[1, 2])), (2, None)];
    let decided = |segments| decide(&call(None, segments), &state(None, None, known));
    assert_eq!(decided(&[(1, &[1, 2])]), Decision::Accept(lsn(1)));
    assert_eq!(decided(&[(1, &[1]), (1, &[2])]), Decision::Accept(lsn(1)));
    assert_eq!(decided(&[(2, &[1])]), Decision::Invalid(Invalid::SegmentOfOtherVolume { sid: sid(2) }));
    assert_eq!(decided(&[(1, &[1]), (3, &[2])]), Decision::Invalid(Invalid::SegmentUnknown { sid: sid(3) }));
    let Decision::Invalid(missing) = decided(&[(1, &[1, 2, 3])]) else { panic!("page 3 is in no segment") };
    assert_eq!(missing.to_string(), format!("segment {} does not hold page 3", sid(1)));
}

/// What happens in one volume: somebody commits on some base, perhaps again.
#[derive(Debug, Clone)]
struct Attempt {
    client: u8,
    base: Option<u64>,
    page_count: u32,
    page: u32,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    (1u8..4, prop::option::of(1u64..6), 8u32..10, 1u32..4).prop_map(|(client, base, page_count, page)| Attempt {
        client,
        base,
        page_count,
        page,
    })
}

proptest! {
    /// Whatever is attempted, the log that the decisions make has no gap, no commit is ever replaced, and only an exact
    /// repetition of a commit is answered with it.
    #[test]
    fn any_sequence_of_attempts_makes_a_log_without_gaps(attempts in prop::collection::vec(attempt(), 0..60)) {
        let mut log: Vec<Rival> = Vec::new();
        for attempt in attempts {
            let Attempt { client, base, page_count, page } = attempt;
            let call = call(base, &[(1, &[page])]);
            let call = CommitCall { cid: cid(client), page_count: PageCount::new(page_count), ..call };
            let next = lsn_after(call.base).unwrap().get();
            let there = log.get(next as usize - 1).cloned();
            let head = (!log.is_empty()).then_some(log.len() as u64);
            let known = state(head, there.clone(), &[(1, Some(&[1, 2, 3]))]);
            let same = rival(next, client, page_count, &[page]);
            match decide(&call, &known) {
                Decision::Accept(lsn) => {
                    prop_assert_eq!(there, None);
                    prop_assert_eq!(lsn.get(), log.len() as u64 + 1);
                    log.push(same);
                }
                Decision::AlreadyCommitted(snapshot) => {
                    prop_assert_eq!(snapshot, same.snapshot);
                    prop_assert_eq!(there, Some(same));
                }
                Decision::Rejected => {
                    prop_assert!(base != head);
                    prop_assert!(there.is_none_or(|there| there.snapshot.cid != cid(client)));
                }
                Decision::Invalid(Invalid::OtherContent { lsn }) => {
                    let there = there.expect("there is other content");
                    prop_assert_eq!((lsn, there.snapshot.cid), (there.snapshot.lsn, cid(client)));
                    prop_assert!(there != same);
                }
                Decision::Invalid(other) => prop_assert!(false, "the segment holds all pages: {other}"),
            }
        }
    }
}
