"""A worker that dies at each of its calls to the server, just before it and just after it."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.proxy.faults import Cut, Request, Where
from tests.faults.rig.processes import until
from tests.faults.rig.report import Row

LEASE_S = 1.0
BOUND_S = 60.0
MOST_POINTS = 40
"""More than the calls that a worker makes for this little work."""


class CrashPoint:
    """Kills a worker at one of its scripts."""

    def __init__(self, worker, number: int, where: Where) -> None:
        self._worker = worker
        self._where = where
        self._left = number
        self.reached = False

    def __call__(self, request: Request) -> Cut | None:
        """Asked by the proxy for every request of the worker."""
        if request.script is None or self.reached:
            return None
        self._left -= 1
        if self._left > 0:
            return None
        self.reached = True
        return Cut(self._where, then=self._worker().popen.kill)


def crash_at(cluster, proxy, number: int, where: Where) -> bool:
    """Kill a worker at that point of its life, and let another one end its work; whether it got there."""
    before = len(cluster.processes.all)
    point = CrashPoint(lambda: cluster.processes.all[before], number, where)
    proxy.when(point)
    again, plain = invocations = [cluster.task("flaky")(0, 1), cluster.task("work")(1)]
    worker = cluster.worker(url=proxy.url)
    until(
        lambda: point.reached or all(one.status.is_final() for one in invocations), "the worker dies or ends its work"
    )
    if point.reached:
        worker.wait()
        cluster.lost[worker.pid] = time.monotonic()
        cluster.worker()
    assert again.get(timeout=BOUND_S) == 0
    result = plain.get(timeout=BOUND_S)
    cluster.check(Row("T3", ""), invocations)
    assert result == [1, cluster.engine.record(plain.invocation_id)["attempt"]]
    for process in cluster.living:
        cluster.kill(process)
    return point.reached


@pytest.mark.parametrize("where", [Where.BEFORE, Where.AFTER])
def test_t3_wherever_a_worker_dies_its_work_ends_once(new_cluster, proxy, seed, scale, record, where) -> None:
    points = scale(random.Random(seed).sample(range(2, 9), 2), list(range(1, MOST_POINTS)))
    cluster = new_cluster(lease_seconds=LEASE_S, max_losses=100)
    reached = 0
    for number in points:
        if not crash_at(cluster, proxy, number, where):
            break
        reached += 1
    row = Row("T3", f"worker killed {where}", reached, 2 * len(points), duplicates=cluster.witness.extra_effects())
    row.recoveries = cluster.witness.recoveries(cluster.lost)
    record(row)
    assert 1 <= reached < MOST_POINTS - 1  # the long form walks to the end of the worker's work
    assert row.duplicates <= reached
