//! How a log is read: in parts that follow one another, whatever of them one answer holds.

use async_trait::async_trait;
use catgraft_client::{Answer, Endpoint, Retry, Transport, TransportError};
use catgraft_core::{PageIndex, PageSet, SegmentId, Timestamp};
use catgraft_proto::graft::common::v1::SegmentInfo;
use parking_lot::Mutex;
use prost::Message;

use super::*;

fn parts_of(known: u64, lsn: u64) -> Vec<(u64, u32)> {
    let parts = parts(known, Lsn::new(lsn).unwrap()).take(5);
    parts.map(|Part { after_lsn, commits_max }| (after_lsn, commits_max)).collect()
}

#[test]
fn a_log_is_asked_for_in_parts_that_follow_one_another() {
    assert_eq!(parts_of(0, 1), [(0, 0)]);
    assert_eq!(parts_of(7, 2055), [(7, 0)]);
    assert_eq!(parts_of(7, 2056), [(7, 2048), (2055, 0)]);
    assert_eq!(parts_of(0, 5000), [(0, 2048), (2048, 2048), (4096, 0)]);
    assert_eq!(parts_of(u64::MAX - 1, u64::MAX), [(u64::MAX - 1, 0)]);
    assert_eq!(parts_of(0, u64::MAX).len(), 5);
}

fn sid(lsn: u64) -> SegmentId {
    SegmentId::from_parts(Timestamp::from_millis(lsn), [1; 9])
}

fn vid() -> VolumeId {
    VolumeId::from_parts(Timestamp::from_millis(1), [2; 9])
}

fn page(number: u64) -> PageIndex {
    PageIndex::new(u32::try_from(number).unwrap()).unwrap()
}

/// What was asked for: after which LSN, and how many commits at most.
type Asked = Arc<Mutex<Vec<(u64, u32)>>>;

/// A metastore with one volume, whose commit L writes the page L % 97 + 1. An answer holds at most so many commits.
#[derive(Debug)]
struct Log {
    head: u64,
    answer_max: u64,
    asked: Asked,
}

#[async_trait]
impl Transport for Log {
    fn url(&self) -> &str {
        "http://metastore"
    }

    async fn post(&self, path: &'static str, body: reqwest::Body) -> Result<Answer, TransportError> {
        assert_eq!(path, "/metastore/internal/v1/read_log");
        let request = ReadLogRequest::decode(body.as_bytes().unwrap()).unwrap();
        self.asked.lock().push((request.after_lsn, request.commits_max));
        let max = if request.commits_max == 0 { u64::MAX } else { request.commits_max.into() };
        let count = max.min(self.answer_max).min(self.head.saturating_sub(request.after_lsn));
        let commits = (1..=count).map(|number| {
            let lsn = request.after_lsn + number;
            let graft = PageSet::from_iter([page(lsn % 97 + 1)]).encode();
            let segments = vec![SegmentInfo { sid: bytes::Bytes::copy_from_slice(sid(lsn).as_bytes()), graft }];
            LogCommit { lsn, page_count: 100, segments }
        });
        let answer = ReadLogResponse { head_lsn: self.head, commits: commits.collect() };
        let content_type = "application/x-protobuf".to_owned();
        Ok(Answer { status: 200, content_type, body: answer.encode_to_vec().into() })
    }
}

/// Indexes over such a log, and what they asked for.
fn indexes(head: u64, answer_max: u64) -> (Asked, VolumeIndexes) {
    let asked = Asked::default();
    let log = Log { head, answer_max, asked: Arc::clone(&asked) };
    let endpoint = Endpoint::over(Arc::new(log), Retry::default());
    (asked, VolumeIndexes::new(MetastoreClient::new(endpoint), ByteSize::from_mib(64), 1))
}

#[tokio::test]
async fn every_commit_of_a_long_log_is_entered_whatever_an_answer_holds() {
    for answer_max in [u64::MAX, 3000, PART_COMMITS, 700, 1] {
        let head = if answer_max == 1 { 30 } else { 5000 };
        let (asked, volumes) = indexes(head, answer_max);
        let index = volumes.at(vid(), Lsn::new(head).unwrap()).await.unwrap();
        let needed = head.div_ceil(answer_max.min(PART_COMMITS));
        assert!(asked.lock().len() as u64 <= needed + 1, "answers of {answer_max} commits: {:?}", asked.lock());
        let versions = index.versions();
        assert_eq!(versions.head().map(Lsn::get), Some(head));
        for lsn in 1..=head {
            let found = versions.find(page(lsn % 97 + 1), Lsn::new(lsn).unwrap());
            assert_eq!(found, Some(sid(lsn)), "LSN {lsn}, answers of {answer_max} commits");
        }
    }
}

#[tokio::test]
async fn parts_are_asked_for_once_and_the_last_takes_what_there_is_beyond() {
    let (asked, volumes) = indexes(6000, u64::MAX);
    volumes.at(vid(), Lsn::new(5000).unwrap()).await.unwrap();
    volumes.at(vid(), Lsn::new(6000).unwrap()).await.unwrap();
    assert_eq!(*asked.lock(), [(0, 2048), (2048, 2048), (4096, 0)]);
}

#[tokio::test]
async fn an_lsn_beyond_the_head_is_missing_and_few_are_asked() {
    let (asked, volumes) = indexes(5000, u64::MAX);
    let missing = volumes.at(vid(), Lsn::new(u64::MAX).unwrap()).await.unwrap_err();
    assert!(matches!(*missing, IndexError::Missing { .. }), "{missing:?}");
    assert!(asked.lock().len() <= PARTS_AT_ONCE + 1, "{:?}", asked.lock());
}
