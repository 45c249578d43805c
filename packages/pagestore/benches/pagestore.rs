//! The two pure parts that every push and every read go through: the streaming decoder of `write_pages`, and the index of a
//! volume's page versions. They are no part of the library's face, so their files are taken in here.

#[path = "../src/ingest/decoder.rs"]
mod decoder;
#[path = "../src/index/versions.rs"]
#[expect(dead_code, reason = "not everything of it is measured")]
mod versions;

use std::hint::black_box;

use bytes::Bytes;
use catgraft_core::{Lsn, PAGE_SIZE, PageCount, PageIndex, SegmentId, Timestamp, VolumeId};
use catgraft_proto::graft::pagestore::v1::{PageAtIdx, WritePagesRequest};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prost::Message as _;

use decoder::Decoder;
use versions::{LoggedCommit, Versions};

/// Pages of a run, as in the daemon.
const RUN_PAGES: usize = 256;
/// Bytes that a socket brings at a time.
const PIECE_BYTES: usize = 32 * 1024;
/// Pages of the volume whose index is measured.
const VOLUME_PAGES: u32 = 1024;

fn decode(body: &[u8]) -> usize {
    let mut decoder = Decoder::new(RUN_PAGES, body.len());
    let mut pages = 0;
    let mut left = body.len();
    for mut piece in body.chunks(PIECE_BYTES) {
        while !piece.is_empty() {
            let taken = decoder.feed(piece).expect("the body is sound");
            piece = &piece[taken..];
            left -= taken;
            if decoder.run_is_full() {
                pages += decoder.take_run(left).expect("the volume is known").indexes.len();
            }
        }
    }
    pages + decoder.finish().expect("the body is whole").indexes.len()
}

fn decoder(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write_pages decoder");
    for count in [1, 16, 400, 4096] {
        let data = Bytes::from(vec![0xA5; PAGE_SIZE]);
        let vid = VolumeId::from_parts(Timestamp::from_millis(1), [7; 9]);
        let pages = (1..=count).map(|pageidx| PageAtIdx { pageidx, data: data.clone() }).collect();
        let body = WritePagesRequest { vid: Bytes::copy_from_slice(vid.as_bytes()), pages }.encode_to_vec();
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("pages", count), &body, |bencher, body| {
            bencher.iter(|| decode(black_box(body)));
        });
    }
    group.finish();
}

/// Commits of one page each, after a first one that wrote everything.
fn log(commits: u64) -> Vec<LoggedCommit> {
    let page = |number: u32| PageIndex::new(number).expect("pages count from 1");
    let commit = |number: u64| {
        let mut random = [0; 9];
        random[..8].copy_from_slice(&number.to_le_bytes());
        let written = u32::try_from(number * 618 % u64::from(VOLUME_PAGES)).expect("below the number of pages") + 1;
        let pages: Vec<_> = if number == 1 { (1..=VOLUME_PAGES).map(page).collect() } else { vec![page(written)] };
        LoggedCommit {
            lsn: Lsn::new(number).expect("LSNs count from 1"),
            page_count: PageCount::new(VOLUME_PAGES),
            segments: vec![(SegmentId::from_parts(Timestamp::from_millis(1), random), pages.len())],
            pages,
            is_last: true,
        }
    };
    (1..=commits).map(commit).collect()
}

fn index(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("volume index");
    for commits in [2, 100, 10_000, 100_000] {
        group.throughput(Throughput::Elements(commits));
        if commits > 2 {
            group.sample_size(20);
        }
        group.bench_function(BenchmarkId::new("built of commits", commits), |bencher| {
            bencher.iter_batched(
                || log(commits),
                |log| {
                    let mut versions = Versions::default();
                    versions.append(&log).expect("the log is sound");
                    versions
                },
                BatchSize::LargeInput,
            );
        });
        let mut versions = Versions::default();
        versions.append(&log(commits)).expect("the log is sound");
        let mut turn = 0u64;
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("found at any LSN, commits", commits), |bencher| {
            bencher.iter(|| {
                turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let page = u32::try_from((turn >> 33) % u64::from(VOLUME_PAGES)).expect("small") + 1;
                let lsn = (turn >> 40) % commits + 1;
                versions
                    .find(black_box(PageIndex::new(page).expect("from 1")), black_box(Lsn::new(lsn).expect("from 1")))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decoder, index);
criterion_main!(benches);
