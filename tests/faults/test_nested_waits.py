"""Bodies that wait for others, on one worker with one slot."""

from __future__ import annotations

import pytest

from pynenc.exceptions import CycleDetectedError
from tests.faults.rig.report import Row

BOUND_S = 120.0
RUNNERS = ["ThreadRunner", "PersistentProcessRunner"]


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(("name", "short", "long"), [("deep", 50, 200), ("wide", 300, 1_000)])
def test_t34_waits_in_waits_end_on_one_slot(new_cluster, scale, record, runner, name, short, long) -> None:
    size = scale(short, long)
    cluster = new_cluster()
    cluster.worker(runner=runner)
    waiting = cluster.task(name)(size)
    assert waiting.get(timeout=BOUND_S) == {"deep": size, "wide": sum(range(size))}[name]
    record(cluster.check(Row("T34", f"{name} waits, {size}, {runner}", 1), [waiting]))


@pytest.mark.parametrize(("name", "args"), [("ring", ()), ("keeps_the_key", ("k",))])
def test_t34_a_wait_that_could_never_end_is_refused(new_cluster, record, name, args) -> None:
    cluster = new_cluster()
    cluster.worker()  # with one slot: what is cancelled then has not begun
    waiting = cluster.task(name)(*args)
    with pytest.raises(CycleDetectedError):
        waiting.get(timeout=BOUND_S)
    cluster.until_ended(BOUND_S)
    record(cluster.check(Row("T34", f"a cycle of waits: {name}", 1), [waiting]))


@pytest.mark.parametrize("name", ["deep", "wide"])
def test_t34_waits_survive_the_kill_of_the_worker(new_cluster, scale, record, name) -> None:
    kills, size = scale((2, 20), (8, 100))
    cluster = new_cluster(lease_seconds=1, max_losses=100)
    cluster.start(2)
    waiting = cluster.task(name)(size)
    for _ in range(kills):
        cluster.kill_one()
        cluster.start()
    assert waiting.get(timeout=BOUND_S) == {"deep": size, "wide": sum(range(size))}[name]
    cluster.until_ended(BOUND_S)
    record(cluster.check(Row("T34", f"kill -9 in {name} waits", kills), [waiting]))
