//! The encoder and the cache by themselves: `cargo bench -p pynenc-core --bench fingerprint`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pynenc_core::content_cache::ContentCache;
use pynenc_core::fingerprint::{ArgumentNames, Canonical, ContentHasher, Digest, Tag, content_digest};

const LARGE: usize = 20 * 1024 * 1024;

fn two_ints(criterion: &mut Criterion) {
    let Ok(names) = ArgumentNames::new([(0, "x"), (1, "y")]) else { return };
    criterion.bench_function("arguments x=1, y=2", |bencher| {
        bencher.iter(|| {
            let mut stream = Canonical::arguments(names.len());
            for argument in names.iter() {
                stream.fragment(&argument.fragment);
                stream.int(black_box(argument.index as i64 + 1));
            }
            stream.finish()
        });
    });
}

fn dict_of_ten(criterion: &mut Criterion) {
    let keys: Vec<String> = (0..10).map(|index| format!("key{index}")).collect();
    criterion.bench_function("dict of ten", |bencher| {
        bencher.iter(|| {
            let mut entries: Vec<Digest> = Vec::with_capacity(keys.len());
            for key in &keys {
                let mut entry = Canonical::entry();
                entry.text(key.len(), key.as_bytes());
                entry.int(black_box(7));
                entries.push(entry.finish());
            }
            let mut stream = Canonical::value();
            stream.unordered(Tag::Dict, &mut entries);
            stream.finish()
        });
    });
}

fn large_content(criterion: &mut Criterion) {
    let content = vec![7u8; LARGE];
    let mut group = criterion.benchmark_group("20 MiB");
    group.throughput(Throughput::Bytes(LARGE as u64)).sample_size(20);
    group.bench_function("blake3 alone", |bencher| bencher.iter(|| blake3::hash(black_box(&content))));
    group.bench_function("content_digest", |bencher| bencher.iter(|| content_digest(black_box(&content))));
    group.bench_function("bytes in a stream", |bencher| {
        bencher.iter(|| {
            let mut stream = Canonical::value();
            stream.bytes(black_box(&content));
            stream.finish()
        });
    });
    group.bench_function("in pieces of 256 KiB", |bencher| {
        bencher.iter(|| {
            let mut hasher = ContentHasher::default();
            content.chunks(256 * 1024).for_each(|piece| hasher.update(black_box(piece)));
            hasher.finish()
        });
    });
    group.finish();
}

fn cache(criterion: &mut Criterion) {
    let digests: Vec<Digest> = (0u32..2048).map(|index| content_digest(&index.to_le_bytes())).collect();
    let mut cache = ContentCache::new(1024, u64::MAX);
    criterion.bench_function("cache: put and evict, get", |bencher| {
        let mut next = digests.iter().cycle();
        bencher.iter(|| {
            if let Some(digest) = next.next() {
                black_box(cache.put(*digest, 1u32, 1));
                black_box(cache.get(digest));
            }
        });
    });
}

criterion_group!(benches, two_ints, dict_of_ten, large_content, cache);
criterion_main!(benches);
