//! How ranges are cut, and that each is told whole, from the catalog and from memory.

use catgraft_core::{ClientId, PageCount, PageIndex, SegmentId, Timestamp};
use catgraft_proto::{CommitCall, SegmentPages};

use super::{
    BLOCK_COMMITS, ByteSize, Catalog, ChangedPages, Lsn, PageSet, Part, SPAN_BLOCKS, VolumeId,
    Whole::{Block, Span},
    parts,
};
use crate::catalog::{CommitOutcome, Memory, SegmentRow};

fn cut(first: u64, last: u64) -> Vec<Part> {
    parts(first, last).collect()
}

#[test]
fn a_range_is_cut_where_blocks_begin_and_end() {
    let end = BLOCK_COMMITS;
    assert_eq!(cut(1, end), [Part::Whole(Block(0))]);
    assert_eq!(cut(1, end - 1), [Part::Commits(1..=end - 1)]);
    assert_eq!(cut(2, end), [Part::Commits(2..=end)]);
    assert_eq!(cut(end, end + 1), [Part::Commits(end..=end), Part::Commits(end + 1..=end + 1)]);
    assert_eq!(
        cut(5, 3 * end + 7),
        [
            Part::Commits(5..=end),
            Part::Whole(Block(1)),
            Part::Whole(Block(2)),
            Part::Commits(3 * end + 1..=3 * end + 7)
        ]
    );
    assert_eq!(cut(9, 8), []);
}

#[test]
fn many_blocks_are_a_span() {
    let end = SPAN_BLOCKS * BLOCK_COMMITS;
    assert_eq!(cut(1, end), [Part::Whole(Span(0))]);
    assert_eq!(cut(1, end - 1).len() as u64, SPAN_BLOCKS);
    let from_the_second = cut(BLOCK_COMMITS + 1, 3 * end + BLOCK_COMMITS + 1);
    let blocks: Vec<Part> = (1..SPAN_BLOCKS).map(|number| Part::Whole(Block(number))).collect();
    assert_eq!(from_the_second[..blocks.len()], blocks);
    let rest = [
        Part::Whole(Span(1)),
        Part::Whole(Span(2)),
        Part::Whole(Block(3 * SPAN_BLOCKS)),
        Part::Commits(3 * end + BLOCK_COMMITS + 1..=3 * end + BLOCK_COMMITS + 1),
    ];
    assert_eq!(from_the_second[blocks.len()..], rest);
    // Every LSN once, without a gap.
    for (first, last) in [(1, 1), (7, 5 * end), (end, end + 1), (end + 1, 2 * end), (end - 1, 2 * end + 9)] {
        let mut next = first;
        for part in parts(first, last) {
            let lsns = match part {
                Part::Whole(whole) => whole.lsns(),
                Part::Commits(lsns) => lsns,
            };
            assert_eq!(*lsns.start(), next);
            next = lsns.end() + 1;
        }
        assert_eq!(next, last + 1);
    }
}

fn vid() -> VolumeId {
    VolumeId::from_parts(Timestamp::from_millis(1), [1; 9])
}

/// The pages of blocks: each has written the page after its number.
fn pages_of(blocks: std::ops::RangeInclusive<u64>) -> PageSet {
    blocks.map(|number| PageIndex::new(u32::try_from(number).unwrap() + 1).unwrap()).collect()
}

/// A volume of so many commits.
async fn volume(commits: u64) -> Memory {
    let catalog = Memory::new();
    let (at, sid) = (Timestamp::from_millis(1), SegmentId::from_parts(Timestamp::from_millis(1), [2; 9]));
    let volumes = vec![(vid(), pages_of(0..=200))];
    let row = SegmentRow { sid, byte_len: 1, index_offset: 0, index_len: 0, index_hash: [0; 32], volumes };
    catalog.segments_register(vec![row], at).await.unwrap();
    for before in 0..commits {
        let block = before / BLOCK_COMMITS;
        let call = CommitCall {
            vid: vid(),
            cid: ClientId::from_parts(at, [3; 9]),
            base: Lsn::new(before),
            page_count: PageCount::new(201),
            segments: vec![SegmentPages { sid, pages: pages_of(block..=block) }],
        };
        let outcome = catalog.commit_append(call, Timestamp::from_millis(before)).await.unwrap();
        assert!(matches!(outcome, CommitOutcome::Committed(_)), "{outcome:?}");
    }
    catalog
}

#[tokio::test]
async fn a_range_of_any_length_is_told_whole_from_the_catalog_and_from_memory() {
    let span = SPAN_BLOCKS * BLOCK_COMMITS;
    let head = span + 2 * BLOCK_COMMITS + 7;
    let catalog = volume(head).await;
    let changed = ChangedPages::new(ByteSize::from_mib(16));
    let ranges =
        [(1, head), (1, span), (2, span + 1), (BLOCK_COMMITS + 1, head), (5, 6), (span + 1, head), (head, head)];
    for (first, last) in ranges.into_iter().chain(ranges) {
        let lsn = |number| Lsn::new(number).unwrap();
        let pages = changed.read(&catalog, vid(), lsn(first)..=lsn(last)).await.unwrap();
        let expected = pages_of((first - 1) / BLOCK_COMMITS..=(last - 1) / BLOCK_COMMITS);
        assert_eq!(pages, expected, "{first} to {last}");
    }
}
