//! One push of 1 GiB, into the real process, in memory that does not grow with it.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use bytes::{BufMut, Bytes, BytesMut};
use catgraft_core::{Lsn, PAGE_SIZE, PageCount, PageIndex, PageSet};
use catgraft_proto::graft::common::v1::SegmentInfo;
use catgraft_testkit::{model::page_content, ports::free_port};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::support::{Client, House, new_vid};

const PAGES: u32 = 262_144;
/// Pages of one piece of the body.
const PIECE: u32 = 256;
const EXTRA_MEMORY_MAX_KIB: u64 = 200 * 1024;
/// Contents repeat after so many pages, so that making them is not what the test does.
const CONTENTS: u32 = 509;

/// A process that dies with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn status_kib(process: &Process, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn encode_pages(first: u32, contents: &[Bytes]) -> Bytes {
    let mut out = BytesMut::with_capacity(PIECE as usize * (PAGE_SIZE + 16));
    for index in first..first + PIECE {
        let message_len = 1 + encoded_len_varint(index.into()) + 3 + PAGE_SIZE;
        encode_key(2, WireType::LengthDelimited, &mut out);
        encode_varint(message_len as u64, &mut out);
        encode_key(1, WireType::Varint, &mut out);
        encode_varint(index.into(), &mut out);
        encode_key(2, WireType::LengthDelimited, &mut out);
        encode_varint(PAGE_SIZE as u64, &mut out);
        out.put_slice(&contents[(index % CONTENTS) as usize]);
    }
    out.freeze()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_of_one_gibibyte_takes_less_than_200_mib() {
    let house = House::start().await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut process = Process(
        Command::new(env!("CARGO_BIN_EXE_pagestore"))
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--metastore", &house.metastore_url])
            .args(["--objectstore-type", "fs", "--objectstore-root"])
            .arg(folder.path())
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut log = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let ready = log.find(|line| line.as_ref().unwrap().contains("ready"));
    assert!(ready.is_some(), "the pagestore did not start");
    std::thread::spawn(move || log.for_each(drop));

    let before = status_kib(&process, "VmRSS:");
    let contents: Vec<Bytes> = (0..CONTENTS).map(|seed| page_content(seed.into())).collect();
    let vid = new_vid();
    let mut head = BytesMut::new();
    encode_key(1, WireType::LengthDelimited, &mut head);
    encode_varint(16, &mut head);
    head.put_slice(vid.as_bytes());
    let pieces = {
        let contents = contents.clone();
        (1..=PAGES).step_by(PIECE as usize).map(move |first| encode_pages(first, &contents))
    };
    let body = std::iter::once(head.freeze()).chain(pieces).map(Ok::<_, std::io::Error>);
    let client = Client::new(&house.metastore_url, &format!("http://127.0.0.1:{port}"), catgraft_client::Retry::NEVER);
    let body = catgraft_client::body_from_stream(futures::stream::iter(body));
    let segments = client.pagestore.write_pages_streamed(body).await.unwrap().segments;
    let peak = status_kib(&process, "VmHWM:");
    println!("{before} KiB before, {peak} KiB at the peak");
    assert!(peak - before < EXTRA_MEMORY_MAX_KIB, "{before} KiB before, {peak} KiB at the peak");

    check_named_once(&segments);
    let lsn = client.commit(vid, None, PageCount::new(PAGES), segments).await.unwrap();
    assert_eq!(lsn, Lsn::FIRST);
    for first in [1, 100_000, PAGES - 1023] {
        let pages: PageSet = (first..first + 1024).filter_map(PageIndex::new).collect();
        for (index, data) in client.read(vid, lsn, &pages).await.unwrap() {
            assert!(data == contents[(index.get() % CONTENTS) as usize], "page {index} has other content");
        }
    }
}

/// The segments together are the request's pages, once each.
fn check_named_once(segments: &[SegmentInfo]) {
    let mut all = PageSet::new();
    let mut count = 0;
    for segment in segments {
        let pages = PageSet::decode(&segment.graft, u64::MAX).unwrap();
        count += pages.len();
        all.union_with(&pages);
    }
    assert_eq!((count, all.len(), all.last()), (PAGES.into(), PAGES.into(), PageIndex::new(PAGES)));
}
