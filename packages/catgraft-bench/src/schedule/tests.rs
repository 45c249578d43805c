//! The schedule against a plain replay of it.

use std::collections::{BTreeSet, HashMap};

use catgraft_core::PAGE_SIZE;

use super::Schedule;

#[test]
fn versions_are_what_a_replay_of_the_commits_says() {
    for (pages, per_commit) in [(1, 1), (2, 1), (7, 3), (10, 10), (16, 1), (100, 7), (1024, 16)] {
        let schedule = Schedule::new(5, pages, per_commit).unwrap();
        let mut newest: HashMap<u32, u64> = HashMap::new();
        for lsn in 1..=300 {
            let commit = schedule.commit(lsn);
            assert_eq!(commit.len(), if lsn == 1 { pages as usize } else { per_commit as usize });
            assert!(commit.is_sorted_by(|a, b| a < b) && commit.iter().all(|page| (1..=pages).contains(page)));
            newest.extend(commit.into_iter().map(|page| (page, lsn)));
            for page in (1..=pages).step_by(1 + pages as usize / 40) {
                assert_eq!(schedule.version(page, lsn), newest[&page], "page {page} of {pages} at LSN {lsn}");
            }
        }
    }
}

#[test]
fn commits_without_overlap_have_none() {
    let schedule = Schedule::new(9, 50, 4).unwrap();
    let mut lsn = 1;
    while lsn < 200 {
        let commits = schedule.commits_without_overlap(lsn);
        let pages: Vec<u32> = (lsn..lsn + commits).flat_map(|lsn| schedule.commit(lsn)).collect();
        assert_eq!(pages.iter().collect::<BTreeSet<_>>().len(), pages.len(), "{commits} commits from LSN {lsn}");
        lsn += commits;
    }
}

#[test]
fn a_page_is_known_by_seed_index_and_version() {
    let schedule = Schedule::new(1, 10, 1).unwrap();
    let mut data = [1; PAGE_SIZE];
    schedule.fill(3, 7, &mut data);
    assert!(data[PAGE_SIZE / 2..].iter().all(|byte| *byte == 0));
    assert!(schedule.is_page(3, 7, &data));
    assert!(!schedule.is_page(4, 7, &data) && !schedule.is_page(3, 8, &data));
    assert!(!Schedule::new(2, 10, 1).unwrap().is_page(3, 7, &data));
    assert!(!schedule.is_page(3, 7, &data[..PAGE_SIZE - 1]) && !schedule.is_page(3, 7, &[]));
    for place in [0, PAGE_SIZE / 2 - 1, PAGE_SIZE - 1] {
        let mut damaged = data;
        damaged[place] ^= 1;
        assert!(!schedule.is_page(3, 7, &damaged));
    }
}

#[test]
fn a_commit_fits_its_volume() {
    for (pages, per_commit) in [(0, 0), (4, 0), (4, 5)] {
        let refused = Schedule::new(1, pages, per_commit).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("a commit of {per_commit} pages in a volume of {pages}: ")), "{refused}");
    }
}
