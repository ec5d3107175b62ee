"""Stopping a worker by signals, in each phase of its life."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress

import pytest

from tests.faults.rig.processes import Process, until
from tests.faults.rig.report import Row

BOUND_S = 60.0
RUNNERS = ["ThreadRunner", "PersistentProcessRunner"]
LONG_BODY_S = 300.0


@pytest.fixture(params=RUNNERS)
def runner(request) -> str:
    return request.param


def test_t29_an_idle_worker_stops_at_once(new_cluster, runner) -> None:
    cluster = new_cluster()
    worker = cluster.worker(runner=runner)
    cluster.until_answering()
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    assert worker.children() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_t29_what_runs_is_finished_within_the_grace_period(new_cluster, runner, number, record) -> None:
    cluster = new_cluster()
    worker = cluster.worker(runner=runner)
    running, queued = invocations = cluster.submit("work", [(0, 1.0), (1, 0.0)])
    cluster.until_started()
    worker.send(number)
    assert worker.wait() == 0
    assert running.get(timeout=BOUND_S) == [0, 1]
    assert not queued.status.is_final()
    cluster.worker()
    assert queued.get(timeout=BOUND_S) == [1, 1]
    record(cluster.check(Row("T29", f"{number.name} in a body, {runner}", 1), invocations))


def test_t29_after_the_grace_period_work_is_handed_back_and_counted_as_nothing(new_cluster, runner, record) -> None:
    cluster = new_cluster(grace_period_seconds=0.5, lease_seconds=60)
    handed_back(cluster, runner, record, signals=1)


def test_t29_a_second_signal_hands_back_at_once(new_cluster, runner, record) -> None:
    cluster = new_cluster(grace_period_seconds=LONG_BODY_S, lease_seconds=60)
    handed_back(cluster, runner, record, signals=2)


def handed_back(cluster, runner, record, signals: int) -> None:
    """Stop a worker in a body that would go on; another one starts it, long before any lease has ended."""
    first = cluster.worker(runner=runner)
    invocation = cluster.task("patient")(LONG_BODY_S)
    cluster.until_started()
    first.send(signal.SIGTERM)
    if signals > 1:
        # Two that arrive together are one; further ones change nothing.
        with suppress(subprocess.TimeoutExpired):
            first.wait(1.0)
        assert first.lives
        until(lambda: first.send(signal.SIGTERM) or ended(first), "a second signal ends it")
    assert first.wait() == 0
    known = cluster.engine.record(invocation.invocation_id)
    assert (known["status"], known["losses"], known["retries"]) == ("rerouted", 0, 0)
    cluster.worker()
    assert invocation.get(timeout=BOUND_S) == 2
    record(cluster.check(Row("T29", f"{signals} SIGTERM in a long body, {runner}", signals), [invocation]))


def ended(process: Process) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.5)
    return not process.lives


def test_t29_killed_in_its_drain_loses_nothing(new_cluster, runner, record) -> None:
    cluster = new_cluster(lease_seconds=1)
    worker = cluster.worker(runner=runner)
    invocation = cluster.task("patient")(LONG_BODY_S)
    cluster.until_started()
    worker.send(signal.SIGTERM)
    cluster.kill(worker)
    cluster.worker()
    assert invocation.get(timeout=BOUND_S) == 2
    record(cluster.check(Row("T29", f"SIGTERM, then SIGKILL, {runner}", 1), [invocation]))
