"""Workers that die: nothing that was acknowledged is lost, and nothing is recorded twice."""

from __future__ import annotations

import time

from tests.faults.rig.report import Row

KILL_EVERY_S = 0.5
BODY_S = 0.02
BOUND_S = 90.0


def test_t1_killed_workers_lose_nothing(new_cluster, scale, record) -> None:
    workers, kills, calls = scale((3, 5, 300), (6, 117, 10_000))
    cluster = new_cluster(lease_seconds=1, max_losses=100)
    cluster.start(workers)
    invocations = cluster.submit("work", [(number, BODY_S) for number in range(calls)])
    cluster.until_started(workers)
    for _ in range(kills):
        cluster.kill_one()
        cluster.start()
        time.sleep(KILL_EVERY_S)
    cluster.until_ended(BOUND_S + calls * BODY_S)
    row = cluster.check(Row("T1", "kill -9 of a worker", kills), invocations)
    record(row)
    # A killed worker leaves at most one effect without its finish for each slot; every other one that does not
    # count is of a worker that was late, and was told so.
    assert row.duplicates <= kills + row.fenced
