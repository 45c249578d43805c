//! The calls of the protocol as a load generator needs them: requests straight into the buffer that is sent, answers
//! looked at no more than they have to be.

use bytes::Bytes;
use catgraft_core::{ClientId, PAGE_SIZE, PageIndex, PageSet, VolumeId};
use catgraft_proto::graft::{
    common::v1::{GraftErr, GraftErrCode, LsnRange, SegmentInfo},
    metastore::v1::{CommitRequest, PullGraftRequest},
    pagestore::v1::ReadPagesRequest,
};
use prost::{
    Message,
    encoding::{encode_varint, encoded_len_varint},
};

use crate::{
    Failure,
    http::{Answer, Call},
};

pub(crate) const WRITE_PAGES: &str = "/pagestore/v1/write_pages";
pub(crate) const READ_PAGES: &str = "/pagestore/v1/read_pages";
pub(crate) const COMMIT: &str = "/metastore/v1/commit";
pub(crate) const PULL_GRAFT: &str = "/metastore/v1/pull_graft";

// Tags of protobuf: field number and wire type. A vid is field 1, pages field 2 of a request and field 1 of an answer.
const TAG_BYTES_1: u8 = 0x0A;
const TAG_BYTES_2: u8 = 0x12;
const TAG_VARINT_1: u8 = 0x08;
const VID_FIELD_LEN: usize = 2 + 16;

/// Bytes of a `PageAtIdx`, without the field that it is in.
fn page_message_len(page: u32) -> usize {
    1 + encoded_len_varint(page.into()) + 1 + encoded_len_varint(PAGE_SIZE as u64) + PAGE_SIZE
}

/// Bytes of a field that holds a page.
fn page_field_len(page: u32) -> usize {
    let message = page_message_len(page);
    1 + encoded_len_varint(message as u64) + message
}

/// Bytes of an answer that holds these pages.
pub(crate) fn read_answer_len(pages: &[u32]) -> usize {
    pages.iter().map(|page| page_field_len(*page)).sum()
}

/// Bytes of the body of `write_pages` with these pages.
pub(crate) fn write_body_len(pages: impl Iterator<Item = u32>) -> usize {
    VID_FIELD_LEN + pages.map(page_field_len).sum::<usize>()
}

/// The beginning of the body of `write_pages`.
pub(crate) fn put_vid(body: &mut Vec<u8>, vid: VolumeId) {
    body.extend_from_slice(&[TAG_BYTES_1, 16]);
    body.extend_from_slice(vid.as_bytes());
}

/// A page of the body of `write_pages`, whose data `fill` fills in.
pub(crate) fn put_page(body: &mut Vec<u8>, page: u32, fill: impl FnOnce(&mut [u8])) {
    body.push(TAG_BYTES_2);
    encode_varint(page_message_len(page) as u64, body);
    body.push(TAG_VARINT_1);
    encode_varint(page.into(), body);
    body.push(TAG_BYTES_2);
    encode_varint(PAGE_SIZE as u64, body);
    let data = body.len();
    body.resize(data + PAGE_SIZE, 0);
    fill(&mut body[data..]);
}

/// A request to commit on a base; LSN 0 is the base of a new volume.
pub(crate) fn commit_request(
    call: &Call,
    request: &mut Vec<u8>,
    (vid, cid): (VolumeId, ClientId),
    base: u64,
    page_count: u32,
    segments: Vec<SegmentInfo>,
) {
    let message = CommitRequest {
        vid: Bytes::copy_from_slice(vid.as_bytes()),
        cid: Bytes::copy_from_slice(cid.as_bytes()),
        snapshot_lsn: Some(base).filter(|base| *base > 0),
        page_count,
        segments,
    };
    put_message(call, request, &message);
}

/// A request for pages.
pub(crate) fn read_request(call: &Call, request: &mut Vec<u8>, vid: VolumeId, lsn: u64, pages: &[u32]) {
    let graft = page_set(pages).encode();
    put_message(call, request, &ReadPagesRequest { vid: Bytes::copy_from_slice(vid.as_bytes()), lsn, graft });
}

/// A request for what changed from an LSN on.
pub(crate) fn pull_request(call: &Call, request: &mut Vec<u8>, vid: VolumeId, from: u64) {
    let range = LsnRange { inclusive_start: from, inclusive_end: None };
    put_message(call, request, &PullGraftRequest { vid: Bytes::copy_from_slice(vid.as_bytes()), range: Some(range) });
}

/// A set of these pages.
pub(crate) fn page_set(pages: &[u32]) -> PageSet {
    pages.iter().filter_map(|page| PageIndex::new(*page)).collect()
}

fn put_message(call: &Call, request: &mut Vec<u8>, message: &impl Message) {
    call.begin(request, message.encoded_len());
    message.encode(request).expect("a vector takes everything");
}

/// Has the answer this status? If it is another, the server's own words are the reason.
pub(crate) fn expect_status(call: &Call, answer: &Answer<'_>, status: u16) -> Result<(), Failure> {
    if answer.status == status {
        return Ok(());
    }
    let words = match GraftErr::decode(answer.body) {
        Ok(error) if !error.message.is_empty() => error.message,
        _ => String::from_utf8_lossy(&answer.body[..answer.body.len().min(80)]).into_owned(),
    };
    Err(Failure::answer(call.path(), format!("status {}, not {status}: {words}", answer.status)))
}

/// The message of an answer.
pub(crate) fn decode<M: Message + Default>(call: &Call, answer: &Answer<'_>) -> Result<M, Failure> {
    let damaged = |why: String| Failure::answer(call.path(), format!("the answer cannot be decoded: {why}"));
    let body = match answer.encoding {
        None => Bytes::copy_from_slice(answer.body),
        Some(encoding) => encoding.decode(answer.body).map_err(|error| damaged(error.to_string()))?.into(),
    };
    M::decode(body).map_err(|error| damaged(error.to_string()))
}

/// Is the answer the protocol's word for "nothing newer"?
pub(crate) fn expect_nothing_newer(call: &Call, answer: &Answer<'_>) -> Result<(), Failure> {
    let error: GraftErr = decode(call, answer)?;
    match error.code() {
        GraftErrCode::SnapshotMissing => Ok(()),
        other => Err(Failure::answer(call.path(), format!("the answer has the code {other:?}, not SnapshotMissing"))),
    }
}
