//! The volume index against a naive model: a list of page maps, one a commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    ops::Range,
    time::Duration,
};

use catgraft_core::{Lsn, PageCount, PageIndex, PageSet, SegmentId, Timestamp};
use proptest::prelude::*;
use tokio::{task::yield_now, time::timeout};

use super::{
    file::IndexFile,
    versions::{Found, LoggedCommit, Versions},
    volume::{Planned, VolumeIndex},
};

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
    let pages: BTreeSet<PageIndex> = pages.iter().map(|number| page(*number)).collect();
    LoggedCommit {
        lsn: lsn(number),
        page_count: PageCount::new(page_count),
        segments: vec![(sid(number), pages.len())],
        pages: pages.into_iter().collect(),
        is_last: true,
    }
}

fn commit(versions: &mut Versions, number: u64, page_count: u32, pages: &[u32]) {
    versions.append(&[logged(number, page_count, pages)]).unwrap();
}

/// The segment of a page in an index of all commits.
fn segment(versions: &Versions, number: u32, at: u64) -> Option<SegmentId> {
    match versions.find(page(number), lsn(at)) {
        Found::Segment(sid) => Some(sid),
        Found::Nothing | Found::Untouched => None,
    }
}

#[test]
fn the_newest_version_at_or_below_the_lsn_is_found() {
    let mut versions = Versions::default();
    commit(&mut versions, 1, 9, &[1, 2]);
    commit(&mut versions, 2, 9, &[2]);
    commit(&mut versions, 3, 9, &[1]);
    let found = |number, at| segment(&versions, number, at);
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
    let found = |number, at| segment(&versions, number, at);
    assert_eq!([found(10, 1), found(10, 2), found(10, 3), found(10, 4)], [Some(sid(1)), None, None, Some(sid(4))]);
    assert_eq!(found(5, 4), Some(sid(1)));
}

#[test]
fn a_commit_in_parts_is_known_when_the_last_is() {
    let mut versions = Versions::default();
    commit(&mut versions, 1, 9, &[1, 2, 3]);
    for _ in 0..2 {
        // Also where it was broken off and comes again.
        versions.append(&[LoggedCommit { is_last: false, ..logged(2, 2, &[1]) }]).unwrap();
        assert_eq!(versions.head(), Some(lsn(1)));
        assert_eq!([segment(&versions, 1, 1), segment(&versions, 3, 1)], [Some(sid(1)), Some(sid(1))]);
    }
    versions.append(&[logged(2, 2, &[2])]).unwrap();
    assert_eq!(versions.head(), Some(lsn(2)));
    assert_eq!([1, 2, 3].map(|number| segment(&versions, number, 2)), [Some(sid(2)), Some(sid(2)), None]);
}

#[test]
fn many_versions_enter_before_between_and_behind_those_that_are_there() {
    let writes = [5001..7001, 1..3001, 8001..9501, 2001..9001];
    let mut versions = Versions::default();
    for (number, pages) in (1..).zip(&writes) {
        commit(&mut versions, number, 10_000, &pages.clone().collect::<Vec<_>>());
        for at in 1..=number {
            let newest = |page: u32| (1..=at).rev().find(|number| writes[*number as usize - 1].contains(&page));
            for page in (1..10_000).step_by(7) {
                assert_eq!(segment(&versions, page, at), newest(page).map(sid), "page {page} at {at}");
            }
        }
    }
}

#[test]
fn a_log_that_skips_an_lsn_is_refused() {
    let mut versions = Versions::default();
    assert!(versions.append(&[logged(2, 1, &[])]).is_err());
    commit(&mut versions, 1, 1, &[1]);
    assert!(versions.append(&[logged(1, 1, &[])]).is_err());
    assert!(versions.append(&[logged(2, 1, &[1]), logged(4, 1, &[])]).is_err());
    // What came before the gap is kept.
    assert_eq!((versions.head(), segment(&versions, 1, 2)), (Some(lsn(2)), Some(sid(2))));
}

#[test]
fn versions_since_a_commit_tell_what_they_know_of_older_pages() {
    let mut first = Versions::default();
    commit(&mut first, 1, 10, &[1, 5, 10]);
    let mut since = first.following();
    commit(&mut since, 2, 10, &[5]);
    commit(&mut since, 3, 7, &[]);
    commit(&mut since, 4, 4, &[]);
    commit(&mut since, 5, 10, &[10]);
    let found = |number, at| since.find(page(number), lsn(at));
    assert_eq!([found(1, 2), found(1, 5)], [Found::Untouched, Found::Untouched]);
    assert_eq!(
        [found(5, 1), found(5, 2), found(5, 3)],
        [Found::Untouched, Found::Segment(sid(2)), Found::Segment(sid(2))]
    );
    assert_eq!([found(5, 4), found(5, 5)], [Found::Nothing, Found::Nothing]);
    assert_eq!([found(10, 2), found(10, 3), found(10, 5)], [Found::Untouched, Found::Nothing, Found::Segment(sid(5))]);
    assert_eq!([found(6, 3), found(6, 4), found(8, 3)], [Found::Untouched, Found::Nothing, Found::Nothing]);
    assert!(since.append(&[logged(2, 1, &[])]).is_err());
}

/// So many commits, each with its page count and the pages that it writes.
fn commits(count: Range<usize>) -> impl Strategy<Value = Vec<(u32, BTreeSet<u32>)>> {
    prop::collection::vec((0u32..12, prop::collection::btree_set(1u32..12, 0..6)), count)
}

/// What the pages of a volume were after every commit, the first of which is LSN 1, and the log of it, in which every third
/// commit comes in two parts.
fn model(commits: &[(u32, BTreeSet<u32>)]) -> (Vec<BTreeMap<u32, SegmentId>>, Vec<LoggedCommit>) {
    let mut states: Vec<BTreeMap<u32, SegmentId>> = vec![BTreeMap::new()];
    let mut log = Vec::new();
    for (number, (page_count, pages)) in (1u64..).zip(commits) {
        let pages: Vec<u32> = pages.iter().copied().collect();
        let parts = if number % 3 == 0 { pages.split_at(pages.len() / 2) } else { (&pages[..0], &pages[..]) };
        if number % 3 == 0 {
            log.push(LoggedCommit { is_last: false, ..logged(number, *page_count, parts.0) });
        }
        log.push(logged(number, *page_count, parts.1));
        let mut state = states.last().unwrap().clone();
        state.extend(pages.iter().map(|page| (*page, sid(number))));
        state.retain(|page, _| page <= page_count);
        states.push(state);
    }
    (states, log)
}

proptest! {
    #[test]
    fn it_finds_what_a_naive_model_finds(
        // The longer ones have more versions than the map beside the list may have.
        commits in prop_oneof![commits(1..20), commits(300..600)],
        at_once in prop_oneof![1usize..20, 20usize..600],
    ) {
        let mut versions = Versions::default();
        let (states, mut log) = model(&commits);
        while !log.is_empty() {
            versions.append(&log.drain(..at_once.min(log.len())).collect::<Vec<_>>()).unwrap();
        }
        for (number, state) in states.iter().enumerate().skip(1) {
            for index in 1..14 {
                prop_assert_eq!(segment(&versions, index, number as u64), state.get(&index).copied());
            }
        }
    }

    #[test]
    fn it_finds_the_same_where_versions_have_left_memory_again_and_again(
        commits in prop_oneof![commits(1..30), commits(300..600)],
        at_once in prop::collection::vec(1usize..60, 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = IndexFile::new(folder.path().to_owned());
        let index = VolumeIndex::default();
        let (states, mut log) = model(&commits);
        let all = pages_of(1..14);
        for at_once in at_once.into_iter().cycle() {
            if log.is_empty() {
                break;
            }
            index.append(&log.drain(..at_once.min(log.len())).collect::<Vec<_>>()).unwrap();
            // What is newest stays in memory now and then, and runs stay apart.
            if at_once % 4 != 0 {
                runtime.block_on(index.move_above(&file, 0)).unwrap();
            }
            if at_once % 3 != 0 {
                runtime.block_on(merge_all(&index, &file));
            }
        }
        for (number, state) in states.iter().enumerate().skip(1) {
            let plan = runtime.block_on(index.plan(lsn(number as u64), &all)).unwrap();
            let expected = state.iter().map(|(index, sid)| Planned { page: page(*index), sid: *sid });
            prop_assert_eq!(plan, expected.collect::<Vec<_>>());
        }
        drop(index);
        runtime.block_on(until_disk_is_at_most(&file, 0));
    }
}

async fn merge_all(index: &VolumeIndex, file: &IndexFile) {
    while index.merge_two(file).await.unwrap() {}
}

/// What was dropped goes back to the file on a thread of its own.
async fn until_disk_is_at_most(file: &IndexFile, bytes: u64) {
    let is_free = async {
        while file.disk_usage() > bytes {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), is_free).await.expect("what was dropped goes back");
}

fn pages_of(numbers: Range<u32>) -> PageSet {
    numbers.map(page).collect()
}

/// An index of 100,000 commits, in files but for the newest.
async fn large_index(file: &IndexFile) -> VolumeIndex {
    let index = VolumeIndex::default();
    for first in (1..=100_000).step_by(1000) {
        let commits = (first..first + 1000).map(|number| logged(number, 100, &[(number % 97) as u32 + 1]));
        index.append(&commits.collect::<Vec<_>>()).unwrap();
        index.move_above(file, 64 * 1024).await.unwrap();
        merge_all(&index, file).await;
    }
    index
}

#[tokio::test]
async fn a_page_of_any_age_is_found_in_files_and_memory_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let file = IndexFile::new(folder.path().to_owned());
    let index = large_index(&file).await;
    let memory = index.holding().total();
    assert!(memory < 128 * 1024, "{memory} bytes");
    // 28 bytes a version; runs of similar size were merged, and those before them are gone.
    until_disk_is_at_most(&file, 3_500_000).await;
    assert!(file.disk_usage() >= 2_500_000, "{} bytes", file.disk_usage());
    assert!(index.runs() <= 8, "{} runs", index.runs());
    for number in (1..=100_000).step_by(61) {
        let written = page((number % 97) as u32 + 1);
        let plan = index.plan(lsn(number), &[written].into_iter().collect()).await.unwrap();
        assert_eq!(plan, [Planned { page: written, sid: sid(number) }]);
    }
    assert_eq!(index.plan(lsn(100_000), &pages_of(98..120)).await.unwrap(), []);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
}

#[tokio::test]
async fn where_no_file_can_be_written_nothing_is_lost_and_it_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let file = IndexFile::new(folder.path().join("not there yet"));
    let index = VolumeIndex::default();
    index.append(&[1, 2, 3, 4, 5, 6, 7, 8, 9].map(|number| logged(number, 9, &[number as u32]))).unwrap();
    for _ in 0..2 {
        let error = index.move_above(&file, 0).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(index.plan(lsn(9), &pages_of(1..20)).await.unwrap().len(), 9);
    }
    fs::create_dir(file.folder()).unwrap();
    index.move_above(&file, 0).await.unwrap();
    assert_eq!((index.runs(), index.head()), (1, Some(lsn(9))));
    assert_eq!(index.plan(lsn(9), &pages_of(1..20)).await.unwrap().len(), 9);
    index.append(&[logged(10, 5, &[])]).unwrap();
    assert_eq!(index.plan(lsn(10), &pages_of(1..20)).await.unwrap().len(), 5);
}

/// An index whose versions are in the file, in a run of each of these numbers of commits.
async fn index_of_runs(file: &IndexFile, commits: &[u64]) -> VolumeIndex {
    let index = VolumeIndex::default();
    for count in commits {
        add_run(&index, file, *count).await;
    }
    index
}

async fn add_run(index: &VolumeIndex, file: &IndexFile, commits: u64) {
    let known = index.head().map_or(0, Lsn::get);
    let commits = (known + 1..=known + commits).map(|number| logged(number, 100, &[(number % 97) as u32 + 1]));
    index.append(&commits.collect::<Vec<_>>()).unwrap();
    index.move_above(file, 0).await.unwrap();
}

#[tokio::test]
async fn any_two_runs_are_merged_of_which_the_older_is_less_than_twice_as_long() {
    let folder = tempfile::tempdir().unwrap();
    let file = IndexFile::new(folder.path().to_owned());
    for (runs, merged) in [
        (vec![20, 10], 2),
        (vec![19, 10], 1),
        // Also where two newer ones are as they should be,
        (vec![10, 10, 5], 2),
        // and one after the other.
        (vec![100, 40, 9, 8, 7], 1),
    ] {
        let index = index_of_runs(&file, &runs).await;
        assert_eq!(index.runs(), runs.len());
        merge_all(&index, &file).await;
        assert_eq!(index.runs(), merged, "{runs:?}");
    }
    until_disk_is_at_most(&file, 0).await;
}

#[tokio::test]
async fn runs_that_cannot_be_merged_stay_apart_until_there_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = IndexFile::new(folder.path().to_owned());
    let index = index_of_runs(&file, &[1000, 1000]).await;
    index.damage();
    for (known, further) in [(2000, 1000), (3000, 1500)] {
        let error = index.merge_two(&file).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(!index.merge_two(&file).await.unwrap(), "it is not tried again at once");
        assert_eq!(index.runs(), 2);
        let plan = index.plan(lsn(known), &pages_of(50..60)).await.unwrap();
        assert_eq!(plan.len(), 10, "what is not damaged is found");
        add_run(&index, &file, further).await;
        assert!(index.merge_two(&file).await.unwrap(), "the new one is merged with the one before");
    }
    drop(index);
    until_disk_is_at_most(&file, 0).await;
}
