"""Bodies that end their process, or try to."""

from __future__ import annotations

import signal

import pytest

from pynenc.exceptions import PynencError, WorkerLostError
from tests.faults.rig.memory_limit import memory_limit
from tests.faults.rig.report import Row

BOUND_S = 120.0
DEADLY = {
    "segfault": signal.SIGSEGV.name,
    "abort": signal.SIGABRT.name,
    "kill": signal.SIGKILL.name,
    "kill the group": signal.SIGKILL.name,
    "_exit": "3",
}
MEMORY = 400_000_000
LEAVING = ["sys.exit", "exit in a thread", "recursion", "interrupt", "descriptors"]


def test_t26_a_body_that_kills_its_process_ends_failed_and_harms_no_other(new_cluster, scale, record) -> None:
    count = scale(30, 1_000)
    # Every death makes the supervisor wait a little longer before the next process.
    ways = scale(["segfault", "kill the group", "_exit"], list(DEADLY))
    cluster = new_cluster(lease_seconds=60)  # so that nothing here waits for a lease to end
    cluster.worker(runner="PersistentProcessRunner", slots=2)
    deadly = {how: cluster.task("die")(how) for how in ways}
    others = cluster.submit("work", [(number, 0.02) for number in range(count)])
    for how, one in deadly.items():
        with pytest.raises(WorkerLostError, match=DEADLY[how]):
            one.get(timeout=BOUND_S)
    assert [one.get(timeout=BOUND_S)[0] for one in others] == list(range(count))
    row = cluster.check(Row("T26", "a body that ends its process", 3 * len(deadly)), [*deadly.values(), *others])
    record(row)
    starts = cluster.witness.starts()
    for one in deadly.values():
        assert [sight.attempt for sight in starts if sight.invocation_id == one.invocation_id] == [1, 2, 3]
        assert cluster.engine.record(one.invocation_id)["retries"] == 0
    assert len(cluster.living) == 1


def test_t26_a_body_that_takes_all_memory_is_told_apart(new_cluster, record) -> None:
    cluster = new_cluster(lease_seconds=60)
    with memory_limit(MEMORY) as before:
        if before is None:
            pytest.skip("control groups cannot be made here")
        worker = cluster.worker(runner="PersistentProcessRunner", before=before)
        greedy, other = cluster.task("die")("memory"), cluster.task("work")(1)
        with pytest.raises(WorkerLostError, match="memory"):
            greedy.get(timeout=BOUND_S)
        assert other.get(timeout=BOUND_S)[0] == 1
        assert worker.lives
        cluster.processes.close()
    record(cluster.check(Row("T26", "a body that takes all memory", 3), [greedy, other]))


@pytest.mark.parametrize("runner", ["ThreadRunner", "PersistentProcessRunner"])
def test_t27_a_body_that_leaves_fails_alone(new_cluster, runner, record) -> None:
    cluster = new_cluster(lease_seconds=60)
    cluster.worker(runner=runner)
    invocations = []
    for how in LEAVING:
        invocations += [cluster.task("leave")(how), cluster.task("work")(len(invocations))]
        with pytest.raises((PynencError, RecursionError, OSError)):
            invocations[-2].get(timeout=BOUND_S)
        assert invocations[-1].get(timeout=BOUND_S) == [len(invocations) - 2, 1]
    assert len(cluster.living) == 1
    record(cluster.check(Row("T27", f"a body that leaves, {runner}", len(LEAVING)), invocations))
