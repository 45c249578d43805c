//! The volume index against a naive model: a list of page maps, one a commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use catgraft_core::{Lsn, PageCount, PageIndex, PageSet, SegmentId, Timestamp};
use catgraft_proto::SegmentPages;
use proptest::prelude::*;

use super::versions::{LoggedCommit, Versions};

fn sid(number: u64) -> SegmentId {
    SegmentId::from_parts(Timestamp::from_millis(number), [7; 9])
}

fn lsn(number: u64) -> Lsn {
    Lsn::new(number).unwrap()
}

fn page(number: u32) -> PageIndex {
    PageIndex::new(number).unwrap()
}

fn logged(number: u64, page_count: u32, pages: &[u32]) -> LoggedCommit {
    let pages: PageSet = pages.iter().map(|number| page(*number)).collect();
    let segments = vec![SegmentPages { sid: sid(number), pages }];
    LoggedCommit { lsn: lsn(number), page_count: PageCount::new(page_count), segments }
}

fn commit(versions: &mut Versions, number: u64, page_count: u32, pages: &[u32]) {
    versions.append([logged(number, page_count, pages)]).unwrap();
}

#[test]
fn the_newest_version_at_or_below_the_lsn_is_found() {
    let mut versions = Versions::default();
    commit(&mut versions, 1, 9, &[1, 2]);
    commit(&mut versions, 2, 9, &[2]);
    commit(&mut versions, 3, 9, &[1]);
    let found = |number, at| versions.find(page(number), lsn(at));
    assert_eq!([found(1, 1), found(1, 2), found(1, 3)], [Some(sid(1)), Some(sid(1)), Some(sid(3))]);
    assert_eq!([found(2, 1), found(2, 2), found(2, 3)], [Some(sid(1)), Some(sid(2)), Some(sid(2))]);
    assert_eq!(found(3, 3), None);
}

#[test]
fn a_page_that_was_cut_off_stays_gone_when_the_volume_grows_again() {
    let mut versions = Versions::default();
    commit(&mut versions, 1, 10, &[1, 5, 10]);
    commit(&mut versions, 2, 5, &[]);
    commit(&mut versions, 3, 10, &[1]);
    commit(&mut versions, 4, 10, &[10]);
    let found = |number, at| versions.find(page(number), lsn(at));
    assert_eq!([found(10, 1), found(10, 2), found(10, 3), found(10, 4)], [Some(sid(1)), None, None, Some(sid(4))]);
    assert_eq!(found(5, 4), Some(sid(1)));
}

#[test]
fn a_log_that_skips_an_lsn_is_refused() {
    let mut versions = Versions::default();
    assert!(versions.append([logged(2, 1, &[])]).is_err());
    commit(&mut versions, 1, 1, &[1]);
    assert!(versions.append([logged(1, 1, &[])]).is_err());
    assert!(versions.append([logged(2, 1, &[1]), logged(4, 1, &[])]).is_err());
    // What came before the gap is kept.
    assert_eq!((versions.head(), versions.find(page(1), lsn(2))), (Some(lsn(2)), Some(sid(2))));
}

/// So many commits, each with its page count and the pages that it writes.
fn commits(count: Range<usize>) -> impl Strategy<Value = Vec<(u32, BTreeSet<u32>)>> {
    prop::collection::vec((0u32..12, prop::collection::btree_set(1u32..12, 0..6)), count)
}

proptest! {
    #[test]
    fn it_finds_what_a_naive_model_finds(
        // The longer ones have more versions than the map beside the list may have.
        commits in prop_oneof![commits(1..20), commits(300..600)],
        at_once in prop_oneof![1usize..20, 20usize..600],
    ) {
        let mut versions = Versions::default();
        let mut model: Vec<BTreeMap<u32, SegmentId>> = vec![BTreeMap::new()];
        let mut log = Vec::new();
        for (number, (page_count, pages)) in (1u64..).zip(&commits) {
            let pages: Vec<u32> = pages.iter().copied().collect();
            log.push(logged(number, *page_count, &pages));
            let mut state = model.last().unwrap().clone();
            state.extend(pages.iter().map(|page| (*page, sid(number))));
            state.retain(|page, _| page <= page_count);
            model.push(state);
        }
        while !log.is_empty() {
            versions.append(log.drain(..at_once.min(log.len()))).unwrap();
        }
        for (number, state) in model.iter().enumerate().skip(1) {
            for index in 1..14 {
                prop_assert_eq!(versions.find(page(index), lsn(number as u64)), state.get(&index).copied());
            }
        }
    }
}
