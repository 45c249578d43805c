//! The page set codec: encoding and decoding of sets as pushes, reads and long pulls have them.

use std::hint::black_box;

use catgraft_core::{PageIndex, PageSet, PageSetUnion};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Pages far from one another, and a range.
fn sets() -> [(&'static str, PageSet); 5] {
    let scattered = |count: u32, step: u32| (0..count).map(move |number| number * step + 1);
    let set = |pages: &mut dyn Iterator<Item = u32>| pages.filter_map(PageIndex::new).collect::<PageSet>();
    [
        ("1 page", set(&mut (77..78))),
        ("16 pages of 1,024", set(&mut scattered(16, 61))),
        ("1,024 pages of 262,144", set(&mut scattered(1024, 251))),
        ("a range of 4,096", set(&mut (1..4097))),
        ("100,000 pages of 1,000,000", set(&mut scattered(100_000, 10))),
    ]
}

fn page_set(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("page set");
    for (name, set) in sets() {
        let wire = set.encode();
        group.throughput(Throughput::Elements(set.len()));
        group.bench_with_input(BenchmarkId::new("encode", name), &set, |bencher, set| {
            bencher.iter(|| black_box(set).encode());
        });
        group.bench_with_input(BenchmarkId::new("decode", name), &wire, |bencher, wire| {
            bencher.iter(|| PageSet::decode(black_box(wire), u64::MAX).expect("it was just encoded"));
        });
        let mut pages = Vec::new();
        group.bench_with_input(BenchmarkId::new("decode into a list", name), &wire, |bencher, wire| {
            bencher.iter(|| {
                pages.clear();
                PageSet::decode_into(black_box(wire), u64::MAX, &mut pages).expect("it was just encoded");
            });
        });
    }
    // What 1,024 commits of 16 pages changed in a volume of 4,096.
    let commit = |number: u32| (0..16).filter_map(move |page| PageIndex::new((number * 77 + page * 251) % 4096 + 1));
    let commits: Vec<_> = (0..1024).map(|number| commit(number).collect::<PageSet>().encode()).collect();
    group.throughput(Throughput::Elements(commits.len() as u64));
    group.bench_with_input(BenchmarkId::new("unite", "1,024 sets of 16 pages"), &commits, |bencher, commits| {
        bencher.iter(|| {
            let mut union = PageSetUnion::default();
            commits.iter().for_each(|wire| union.add(black_box(wire), u64::MAX).expect("it was just encoded"));
            union.finish()
        });
    });
    group.finish();
}

criterion_group!(benches, page_set);
criterion_main!(benches);
