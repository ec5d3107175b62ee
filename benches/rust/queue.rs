//! The memory engine's queue: `cargo bench -p pynenc-core --bench queue`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pynenc_core::clock::SystemClock;
use pynenc_core::engine::{Ending, Fence, Lane, Limits, MemoryEngine, Outcome, Submission};
use pynenc_core::id::Ref;

type Engine = MemoryEngine<u32, u32>;

const DEPTHS: [usize; 3] = [0, 10_000, 1_000_000];
const GROUP: usize = 1_000;

struct Rig {
    engine: Engine,
    worker: u32,
    task: u32,
}

impl Rig {
    /// An engine with so many queued.
    fn new(depth: usize) -> Self {
        // A thousand ended ones are kept, so that what is measured runs in constant memory.
        let limits = Limits { keep_count: 1_000, ..Limits::default() };
        let engine = Engine::new(Arc::new(SystemClock::default()), limits, 7);
        let (worker, task) = (engine.register_worker("bench"), engine.task("bench.add"));
        let rig = Self { engine, worker, task };
        if depth > 0 {
            rig.engine.submit_many(rig.calls(depth), None);
        }
        rig
    }

    fn call(&self) -> Submission<u32> {
        Submission { task: self.task, call: 1, parent: None, lane: Lane::Sync, delay: 0, rules: None }
    }

    fn calls(&self, count: usize) -> Vec<Submission<u32>> {
        (0..count).map(|_| self.call()).collect()
    }

    fn finish(&self, at: Ref, fence: Fence) {
        let ending = Ending { outcome: Outcome::Success(1), bytes: 8, keep_call: false };
        black_box(self.engine.finish(at, fence, ending, None).is_ok());
    }

    /// One invocation from the queue to its end, as a worker thread does it.
    fn run_one(&self) {
        let claimed = self.engine.claim_started(self.worker, Lane::Sync, None, |at, fence, call| (at, fence, *call));
        if let Ok(Some((at, fence, call))) = claimed {
            black_box(call);
            self.finish(at, fence);
        }
    }
}

fn one(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("submit, claim, finish");
    for depth in DEPTHS {
        let rig = Rig::new(depth);
        group.bench_function(BenchmarkId::new("queued", depth), |bencher| {
            bencher.iter(|| {
                black_box(rig.engine.submit_one(rig.call()));
                rig.run_one();
            });
        });
    }
    group.finish();
}

/// `parallel_batch_size`: a thousand calls, in chunks of so many.
fn chunking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a thousand calls submitted");
    group.throughput(Throughput::Elements(GROUP as u64));
    for chunk in [1, 10, 100, GROUP] {
        let rig = Rig::new(0);
        group.bench_function(BenchmarkId::new("in chunks of", chunk), |bencher| {
            let chunks = || -> Vec<Vec<Submission<u32>>> { (0..GROUP / chunk).map(|_| rig.calls(chunk)).collect() };
            bencher.iter_batched(
                || {
                    // What the last one submitted is run here, outside the measure.
                    for _ in 0..GROUP {
                        rig.run_one();
                    }
                    chunks()
                },
                |chunks| {
                    for part in chunks {
                        black_box(rig.engine.submit_many(part, None));
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// A worker that takes many at once.
fn claims(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a thousand calls claimed");
    group.throughput(Throughput::Elements(GROUP as u64));
    for limit in [1, 10, 100, GROUP] {
        let rig = Rig::new(0);
        group.bench_function(BenchmarkId::new("so many at once", limit), |bencher| {
            bencher.iter_batched(
                || drop(rig.engine.submit_many(rig.calls(GROUP), None)),
                |()| {
                    for _ in 0..GROUP / limit {
                        for (at, fence) in rig.engine.claim(rig.worker, &[Lane::Sync], limit).unwrap_or_default() {
                            black_box(rig.engine.start(at, fence).is_ok());
                            rig.finish(at, fence);
                        }
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, one, chunking, claims);
criterion_main!(benches);
