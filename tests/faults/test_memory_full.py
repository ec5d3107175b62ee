"""The server has no memory left, with `noeviction`: it refuses new work, and lets begun work end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from pynenc.exceptions import BackPressureError
from pynenc.model.records import Submission
from tests.faults.rig.report import Row

BOUND_S = 90.0
ROOM = 4_000_000
"""Bytes that are left to the server: enough to get through, not enough for what the test submits."""


@pytest.fixture
def full(direct) -> Iterator[redis.Redis]:
    """A server with little room left."""
    direct.config_set("maxmemory-policy", "noeviction")
    used = direct.info("memory")["used_memory"]
    direct.config_set("maxmemory", used + ROOM)
    yield direct
    direct.config_set("maxmemory", 0)


def fill(direct: redis.Redis) -> None:
    """Take what room is left."""
    number = 0
    try:
        while True:
            direct.set(f"filler:{number}", bytes(10_000))
            number += 1
    except redis.exceptions.OutOfMemoryError:
        return


def free(direct: redis.Redis) -> None:
    direct.delete(*direct.keys("filler:*"))
    direct.config_set("maxmemory", 0)


def test_t18_new_work_is_refused_and_begun_work_ends(new_engine, full, record) -> None:
    engine = new_engine()
    worker = engine.register_worker("worker")
    begun = engine.submit([Submission("app.add", call=b"x") for _ in range(20)])
    claims = engine.claim(worker, 20)
    fill(full)
    for _ in range(3):
        with pytest.raises(BackPressureError):
            engine.submit([Submission("app.add", call=bytes(10_000)) for _ in range(10)])
    assert engine.renew(worker)
    engine.tick()
    for claim in claims[:10]:
        engine.start(claim)
        engine.finish(claim, "success", b"ended", 5)
    for claim in claims[10:15]:
        engine.start(claim)
        engine.retry(claim, 0.0)
    for claim in claims[15:]:
        engine.release(claim)
    assert len(engine.find("app.add", ["success"], 100)) == 10
    free(full)
    left = engine.claim(worker, 100)
    assert len(left) == 10
    for claim in left:
        engine.start(claim)
        engine.finish(claim, "success", b"ended", 5)
    assert {engine.status(one) for _, one, _ in begun} == {"success"}
    assert engine.doctor() == []
    record(Row("T18", "maxmemory reached, at the port", 3, len(begun)))


def test_t18_a_full_server_in_mid_run_runs_nothing_twice(new_cluster, full, record) -> None:
    cluster = new_cluster(lease_seconds=2)
    cluster.start(2, slots=2)
    cluster.until_answering()
    accepted = cluster.submit("work", [(number, 0.2) for number in range(60)])
    cluster.until_started(8)
    fill(full)
    with pytest.raises(BackPressureError):
        cluster.task("echo")("x" * 100_000)
    free(full)
    cluster.until_ended(BOUND_S)
    row = cluster.check(Row("T18", "maxmemory reached in mid-run", 1), accepted)
    record(row)
    cluster.check_results(accepted)
    assert row.duplicates == 0
