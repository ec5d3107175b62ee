"""Large values between a program and worker processes."""

from __future__ import annotations

import os

import redis

from tests.acceptance.runners.conftest import until

MEGABYTE = 1 << 20


def traffic(client: redis.Redis) -> tuple[int, int]:
    """Bytes that the server has had and given."""
    stats = client.info("stats")
    return stats["total_net_input_bytes"], stats["total_net_output_bytes"]


def test_two_processes_need_one_value(make_work, redis_url):
    work = make_work("PersistentProcessRunner", num_processes=2, max_threads=1)
    data = os.urandom(8 * MEGABYTE)
    with work.app.running(), redis.Redis.from_url(redis_url) as client:
        assert work.add(1, 2).get(timeout=30) == 3
        had, gave = traffic(client)
        until(lambda: len(set(work.weigh.parallelize([(data,)] * 10).get(timeout=30))) == 2, "one process does it all")
        had, gave = (after - before for after, before in zip(traffic(client), (had, gave), strict=True))
        assert had <= 1.05 * len(data)
        assert gave <= 2.05 * len(data)
    counters = work.app.arg_cache.counters()
    assert (counters["sent"], counters["fetched"]) == (1, 0)


def test_results_of_worker_processes(make_work):
    work = make_work("PersistentProcessRunner", num_processes=2, max_threads=1)
    with work.app.running():
        sizes = [0, 1_023, 1_024, 70_000, 3 * MEGABYTE]
        for size, made in zip(sizes, work.make.parallelize([(size,) for size in sizes]).get(ordered=True), strict=True):
            assert made == b"x" * size
        assert work.make(70_000).get(timeout=30) is work.make(70_000).get(timeout=30)
    assert work.app.arg_cache.counters()["hits"] >= 2
