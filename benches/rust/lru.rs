//! The bounded cache of contents: `cargo bench -p pynenc-core --bench lru`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pynenc_core::content_cache::ContentCache;
use pynenc_core::fingerprint::{Digest, content_digest};

const SIZES: [usize; 3] = [1_024, 16_384, 262_144];

fn digests(count: usize) -> Vec<Digest> {
    (0..count).map(|index| content_digest(&index.to_le_bytes())).collect()
}

fn full(keys: &[Digest], count: usize) -> ContentCache<u32> {
    let mut cache = ContentCache::new(count, u64::MAX);
    for key in keys.iter().take(count) {
        cache.put(*key, 1u32, 1);
    }
    cache
}

fn get(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lru get");
    for size in SIZES {
        let keys = digests(2 * size);
        let mut cache = full(&keys, size);
        let mut hits = keys.iter().take(size).cycle();
        group.bench_function(BenchmarkId::new("hit", size), |bencher| {
            bencher.iter(|| hits.next().map(|key| black_box(cache.get(key).copied())));
        });
        let mut misses = keys.iter().skip(size).cycle();
        group.bench_function(BenchmarkId::new("miss", size), |bencher| {
            bencher.iter(|| misses.next().map(|key| black_box(cache.get(key).copied())));
        });
    }
    group.finish();
}

fn put(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lru put");
    for size in SIZES {
        // Twice as many keys as there is room for, in turn: each put drops the oldest entry.
        let keys = digests(2 * size);
        let mut cache = full(&keys, size);
        let mut next = keys.iter().cycle().skip(size);
        group.bench_function(BenchmarkId::new("one in, one out", size), |bencher| {
            bencher.iter(|| next.next().map(|key| black_box(cache.put(*key, 1u32, 1).stored)));
        });
    }
    // Bounded by bytes: one large entry pushes out a hundred small ones, which come back one by one.
    let (small, large) = (digests(100), content_digest(b"large"));
    let mut cache = ContentCache::new(usize::MAX, 100);
    group.bench_function("a hundred out for one in", |bencher| {
        bencher.iter(|| {
            for key in &small {
                cache.put(*key, 1u32, 1);
            }
            black_box(cache.put(large, 1u32, 100).dropped.len())
        });
    });
    group.finish();
}

criterion_group!(benches, get, put);
criterion_main!(benches);
