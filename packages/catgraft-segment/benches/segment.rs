//! The segment writer (pages in, a sealed segment out) and reader (index out of the object's end, a page out of its payload).

use std::hint::black_box;

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, PageIndex, Timestamp, VolumeId};
use catgraft_segment::{Compression, SealedSegment, SegmentBuilder, SegmentIndex};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [u32; 3] = [16, 400, 4096];
const COMPRESSIONS: [(&str, Compression); 2] = [("raw", Compression::None), ("lz4", Compression::Lz4)];

fn volume() -> VolumeId {
    VolumeId::from_parts(Timestamp::from_millis(1), [7; 9])
}

/// Pages of one push, half random and half zeros.
fn pages(count: u32) -> (Vec<PageIndex>, Bytes) {
    let mut state = 1u64;
    let mut data = vec![0; count as usize * PAGE_SIZE];
    for page in data.chunks_exact_mut(PAGE_SIZE) {
        for word in page[..PAGE_SIZE / 2].chunks_exact_mut(8) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            word.copy_from_slice(&(state ^ (state >> 29)).to_le_bytes());
        }
    }
    ((1..=count).filter_map(PageIndex::new).collect(), data.into())
}

fn seal(compression: Compression, indexes: &[PageIndex], data: Bytes) -> SealedSegment {
    let mut builder = SegmentBuilder::with_compression(compression);
    builder.push_run(volume(), indexes, data).expect("the run fits");
    builder.finish()
}

fn writer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segment writer");
    for count in SIZES {
        let (indexes, data) = pages(count);
        group.throughput(Throughput::Bytes(data.len() as u64));
        for (name, compression) in COMPRESSIONS {
            group.bench_with_input(BenchmarkId::new(name, count), &data, |bencher, data| {
                bencher.iter_batched(
                    || data.clone(),
                    |data| seal(compression, black_box(&indexes), data),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn reader(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segment reader");
    for (name, compression) in COMPRESSIONS {
        for count in SIZES {
            let (indexes, data) = pages(count);
            let sealed = seal(compression, &indexes, data);
            let object = sealed.chunks.concat();
            group.throughput(Throughput::Elements(u64::from(count)));
            group.bench_function(BenchmarkId::new(format!("index, {name}"), count), |bencher| {
                bencher
                    .iter(|| SegmentIndex::from_object_tail(black_box(&object), object.len() as u64).expect("sound"));
            });
            if count == SIZES[0] {
                let location = sealed.index.find(volume(), indexes[0]).expect("it was pushed");
                let range = usize::try_from(location.range().start).expect("small")
                    ..usize::try_from(location.range().end).expect("small");
                let payload = Bytes::copy_from_slice(&object[range]);
                group.throughput(Throughput::Bytes(PAGE_SIZE as u64));
                group.bench_function(BenchmarkId::new("page", name), |bencher| {
                    bencher.iter(|| location.open(volume(), indexes[0], black_box(payload.clone())).expect("sound"));
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, writer, reader);
criterion_main!(benches);
