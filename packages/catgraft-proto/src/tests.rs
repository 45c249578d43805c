//! Each conversion refuses what the protocol refuses, and names the field.

use bytes::Bytes;
use catgraft_core::{Lsn, PageIndex, PageSet, Timestamp};

use crate::{
    CommitCall, InvalidMessage, PullCall, ReadPagesCall, SnapshotCall,
    graft::{
        common::v1::{LsnRange, SegmentInfo},
        metastore::v1::{CommitRequest, PullGraftRequest, SnapshotRequest},
        pagestore::v1::ReadPagesRequest,
    },
    timestamp_to_wire,
};

fn id(prefix: u8) -> Bytes {
    Bytes::from([&[prefix][..], &[7; 15]].concat())
}

fn pages(numbers: impl IntoIterator<Item = u32>) -> Bytes {
    numbers.into_iter().filter_map(PageIndex::new).collect::<PageSet>().encode()
}

fn segment(number: u8, numbers: impl IntoIterator<Item = u32>) -> SegmentInfo {
    SegmentInfo { sid: Bytes::from([&[0xA0][..], &[number; 15]].concat()), graft: pages(numbers) }
}

fn commit() -> CommitRequest {
    CommitRequest {
        vid: id(0x80),
        cid: id(0xC0),
        snapshot_lsn: Some(4),
        page_count: 9,
        segments: vec![segment(1, [1, 2]), segment(2, [3])],
    }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, InvalidMessage>) -> String {
    outcome.expect_err("the message is refused").to_string()
}

fn pull(start: u64, end: Option<u64>) -> Result<PullCall, InvalidMessage> {
    PullGraftRequest { vid: id(0x80), range: Some(LsnRange { inclusive_start: start, inclusive_end: end }) }.try_into()
}

#[test]
fn a_good_commit_is_converted() {
    let call = CommitCall::try_from(commit()).unwrap();
    assert_eq!((call.base, call.page_count.get()), (Lsn::new(4), 9));
    assert_eq!(call.pages().encode(), pages([1, 2, 3]));
    let wire: Vec<SegmentInfo> = call.segments.iter().map(|segment| segment.to_wire()).collect();
    assert_eq!(wire, commit().segments);
}

#[test]
fn a_commit_on_lsn_zero_is_refused_and_one_without_a_base_is_not() {
    let text = refusal(CommitCall::try_from(CommitRequest { snapshot_lsn: Some(0), ..commit() }));
    assert_eq!(text, "snapshot_lsn: LSN 0 does not exist: LSNs count from 1");
    assert_eq!(CommitCall::try_from(CommitRequest { snapshot_lsn: None, ..commit() }).unwrap().base, None);
}

#[test]
fn ids_of_another_kind_are_refused_by_name() {
    let text = refusal(CommitCall::try_from(CommitRequest { vid: id(0xA0), ..commit() }));
    assert_eq!(text, "vid: a volume id begins with byte 0x80, this with 0xa0");
    let text = refusal(CommitCall::try_from(CommitRequest { cid: id(0x80), ..commit() }));
    assert_eq!(text, "cid: a client id begins with byte 0xc0, this with 0x80");
    let segments = vec![SegmentInfo { sid: id(0xC0), graft: pages([1]) }];
    let text = refusal(CommitCall::try_from(CommitRequest { segments, ..commit() }));
    assert_eq!(text, "sid: a segment id begins with byte 0xa0, this with 0xc0");
    let short = SnapshotRequest { vid: id(0x80).slice(1..), lsn: None };
    assert_eq!(refusal(SnapshotCall::try_from(short)), "vid: a volume id has 16 bytes, this has 15");
}

#[test]
fn a_page_in_two_segments_of_a_commit_is_refused() {
    let segments = vec![segment(1, [1, 2]), segment(2, [5, 2])];
    let text = refusal(CommitCall::try_from(CommitRequest { segments, ..commit() }));
    assert_eq!(text, "segments: page 2 is in the graft of two segments of one commit");
}

#[test]
fn a_damaged_or_too_large_page_set_is_refused() {
    let damaged = SegmentInfo { graft: pages([1]).slice(1..), ..segment(1, []) };
    let text = refusal(CommitCall::try_from(CommitRequest { segments: vec![damaged], ..commit() }));
    assert!(text.starts_with("graft: "), "{text}");
    let large = vec![segment(1, 1..=4097)];
    let text = refusal(CommitCall::try_from(CommitRequest { segments: large, ..commit() }));
    assert!(text.contains("4096"), "{text}");
    let read = |count| ReadPagesRequest { vid: id(0x80), lsn: 1, graft: pages(1..=count) };
    assert_eq!(ReadPagesCall::try_from(read(1024)).unwrap().pages.len(), 1024);
    assert!(refusal(ReadPagesCall::try_from(read(1025))).contains("1024"));
}

#[test]
fn ranges_need_a_start_and_do_not_go_backwards() {
    assert_eq!(refusal(pull(0, None)), "range.inclusive_start: LSN 0 does not exist: LSNs count from 1");
    assert_eq!(refusal(pull(1, Some(0))), "range.inclusive_end: LSN 0 does not exist: LSNs count from 1");
    assert_eq!(refusal(pull(5, Some(4))), "range: the LSN range ends at 4, before its start 5");
    assert_eq!(pull(5, Some(5)).unwrap().range.unwrap().end(), Lsn::new(5));
    let all = PullGraftRequest { vid: id(0x80), range: None };
    assert_eq!(PullCall::try_from(all).unwrap().range, None);
}

#[test]
fn snapshots_and_reads_at_lsn_zero_are_refused() {
    let text = refusal(SnapshotCall::try_from(SnapshotRequest { vid: id(0x80), lsn: Some(0) }));
    assert_eq!(text, "lsn: LSN 0 does not exist: LSNs count from 1");
    let read = ReadPagesRequest { vid: id(0x80), lsn: 0, graft: pages([1]) };
    assert_eq!(refusal(ReadPagesCall::try_from(read)), "lsn: LSN 0 does not exist: LSNs count from 1");
}

#[test]
fn a_timestamp_keeps_its_milliseconds() {
    let wire = timestamp_to_wire(Timestamp::from_millis(1_700_000_000_123));
    assert_eq!((wire.seconds, wire.nanos), (1_700_000_000, 123_000_000));
}
