"""The server dies and comes back, with its append-only file on."""

from __future__ import annotations

import threading
import time

import pytest

from pynenc.model.records import Submission
from tests.faults.rig.processes import until
from tests.faults.rig.report import Row

BOUND_S = 120.0
LEASE_S = 1.0


@pytest.fixture
def server(start_server):
    """One that has written down whatever it answered, at any moment that it is killed.

    With `everysec` it may not have, while the disk is busy: test_durability.py has that one, and waits for the disk.
    """
    return start_server(appendonly="yes", appendfsync="always")


class Submitter:
    """Submits one call after the other, from a thread of its own, until told to stop."""

    def __init__(self, cluster) -> None:
        self._cluster = cluster
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.acknowledged: list = []
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.005):
            self.acknowledged.append(self._cluster.task("work")(len(self.acknowledged), 0.0))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()


def test_t7_what_the_server_acknowledged_survives_its_kill(new_cluster, server, scale, record) -> None:
    times = scale(2, 6)
    cluster = new_cluster(lease_seconds=LEASE_S, max_losses=100)
    cluster.start(2)
    submitter = Submitter(cluster)
    resumed = []
    try:
        for _ in range(times):
            before = len(submitter.acknowledged)
            until(lambda before=before: len(submitter.acknowledged) > before + 20, "the submitter gets through")
            server.kill()
            server.start()
            up, seen = time.monotonic(), len(cluster.witness.effects())
            until(lambda seen=seen: len(cluster.witness.effects()) > seen, "work goes on")
            resumed.append(time.monotonic() - up)
    finally:
        submitter.stop()
    cluster.until_ended(BOUND_S)
    row = cluster.check(Row("T7", "kill -9 of the server, append-only file", times), submitter.acknowledged)
    row.recoveries = resumed
    record(row)
    cluster.check_results(submitter.acknowledged)


def test_t9_workers_that_lived_through_an_outage_keep_their_work(new_cluster, server, scale, record) -> None:
    outages, calls = scale((1, 4), (3, 12))
    cluster = new_cluster(lease_seconds=LEASE_S)
    cluster.start(2, slots=2)
    invocations = cluster.submit("work", [(number, 2 * LEASE_S) for number in range(calls)])
    for outage in range(outages):
        cluster.until_started(4 * (outage + 1))
        server.kill()
        time.sleep(1.5 * LEASE_S)
        server.start()
    cluster.until_ended(BOUND_S)
    row = cluster.check(Row("T9", "the server down for 1.5 leases", outages), invocations)
    record(row)
    cluster.check_results(invocations)
    assert row.duplicates == 0


def ticks_before_it_renews(new_engine, server) -> None:
    """An outage longer than a lease; then somebody looks for lost work before its living holder gets through."""
    holder, other = new_engine(lease_seconds=LEASE_S), new_engine(lease_seconds=LEASE_S)
    worker = holder.register_worker("holder")
    holder.submit([Submission("app.add", call=b"") for _ in range(20)])
    claims = holder.claim(worker, 20)
    for claim in claims:
        holder.start(claim)
    other.tick()
    server.kill()
    time.sleep(1.5 * LEASE_S)
    server.start()
    for _ in range(5):
        other.tick()
    assert holder.renew(worker)
    for claim in claims:
        holder.finish(claim, "success", b"")
    assert {holder.record(claim.invocation_id)["losses"] for claim in claims} == {0}
    assert other.doctor() == []


def test_t9_after_an_outage_nothing_is_rescued_before_the_living_could_renew(new_engine, server) -> None:
    ticks_before_it_renews(new_engine, server)


def test_after_the_hold_the_dead_are_rescued(new_engine, server) -> None:
    """The hold is not for ever: it ends after one lease, however often somebody looks."""
    engine = new_engine(lease_seconds=LEASE_S)
    worker = engine.register_worker("dies with the server")
    ((_, one, _),) = engine.submit([Submission("app.add", call=b"")])
    (claim,) = engine.claim(worker)
    engine.start(claim)
    engine.tick()
    server.kill()
    time.sleep(1.5 * LEASE_S)
    server.start()

    def rescued() -> bool:
        engine.tick()
        return engine.status(one) == "rerouted"

    until(rescued, "the hold has ended and the work is back")
