"""Workers that are silent for longer than their lease, and come back."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.rig.processes import until
from tests.faults.rig.report import Row
from tests.faults.rig.witness import Sight

LEASE_S = 1.0
BODY_S = 0.5
BOUND_S = 120.0


def last_effect(cluster, pid: int) -> Sight | None:
    """What the process did last."""
    mine = [sight for sight in cluster.witness.effects() if sight.pid == pid]
    return mine[-1] if mine else None


def silence_in_a_body(cluster, pid: int, silence: Callable[[], None], undo: Callable[[], None]) -> None:
    """Make a worker silent while it is in a body that has had its effect, until that body was started elsewhere."""
    while True:
        before = last_effect(cluster, pid)
        until(lambda before=before: last_effect(cluster, pid) != before, "the worker is in a body")
        silence()
        mine = last_effect(cluster, pid)
        assert mine is not None
        record = cluster.engine.record(mine.invocation_id)
        if (record["status"], record["attempt"]) == ("running", mine.attempt):
            break
        undo()  # it was between two bodies
    until(lambda: (mine.invocation_id, mine.attempt + 1) in started(cluster), "its work has started elsewhere")
    undo()


def started(cluster) -> set[tuple[str, int]]:
    return {sight.token for sight in cluster.witness.starts()}


def late_results(cluster, freezes: int, calls: int) -> list:
    """Freeze two workers in turn until their work has started elsewhere; what was submitted."""
    workers = [cluster.worker(), cluster.worker()]
    invocations = cluster.submit("eager", [(number, BODY_S) for number in range(calls)])
    for number in range(freezes):
        worker = workers[number % 2]
        silence_in_a_body(cluster, worker.pid, worker.freeze, worker.thaw)
    cluster.until_ended(BOUND_S + calls * BODY_S)
    return invocations


def test_t4_the_result_of_a_worker_that_was_frozen_comes_too_late(new_cluster, scale, record) -> None:
    freezes, calls = scale((2, 14), (40, 400))
    cluster = new_cluster(lease_seconds=LEASE_S, max_losses=100)
    invocations = late_results(cluster, freezes, calls)
    row = cluster.check(Row("T4", "SIGSTOP for longer than the lease", freezes), invocations)
    record(row)
    cluster.check_results(invocations)
    assert row.fenced == row.duplicates >= 1


def test_t6_a_body_that_holds_the_interpreter_keeps_its_lease(new_cluster, scale, record) -> None:
    leases, calls = scale((3.0, 2), (6.0, 8))
    cluster = new_cluster(lease_seconds=LEASE_S)
    cluster.start(2)
    invocations = cluster.submit("hog", [(leases * LEASE_S,)] * calls)
    held = [one.get(timeout=BOUND_S) for one in invocations]
    assert max(held) > LEASE_S  # else the test has not asked its question
    row = cluster.check(Row("T6", "the interpreter held by a body", calls), invocations)
    record(row)
    assert [sight.attempt for sight in cluster.witness.starts()] == [1] * calls


def test_t13_a_worker_that_was_cut_off_is_not_believed_afterwards(new_cluster, proxy, scale, record) -> None:
    times, calls = scale((1, 12), (10, 200))
    cluster = new_cluster(lease_seconds=LEASE_S, max_losses=100)
    far = cluster.worker(url=proxy.url)
    cluster.start(2)
    invocations = cluster.submit("eager", [(number, BODY_S) for number in range(calls)])
    for _ in range(times):
        silence_in_a_body(cluster, far.pid, proxy.hold, proxy.heal)
    cluster.until_ended(BOUND_S + calls * BODY_S)
    row = cluster.check(Row("T13", "one worker of three cut off", times), invocations)
    record(row)
    cluster.check_results(invocations)
    assert row.fenced == row.duplicates >= 1
