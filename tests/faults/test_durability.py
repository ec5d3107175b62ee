"""What survives the end of a server, by how it keeps its data: each column of the table of guarantees."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from pynenc.engine import local
from pynenc.exceptions import InvocationNotFoundError, ResultExpired
from tests.faults.rig.places import Sentinel, cluster_of_one, replica_of, until_followed
from tests.faults.rig.processes import until
from tests.faults.rig.report import Row

BOUND_S = 90.0
LEASE_S = 1.0


def killed_under_work(cluster, kills: int, calls: int):
    """Kill a worker again and again while the work is done; what was submitted."""
    cluster.start(2)
    invocations = cluster.submit("work", [(number, 0.02) for number in range(calls)])
    for _ in range(kills):
        seen = len(cluster.witness.effects())
        until(lambda seen=seen: len(cluster.witness.effects()) > seen, "work goes on")
        cluster.kill_one()
        cluster.start()
    cluster.until_ended(BOUND_S)
    return invocations


def until_written(server) -> None:
    """Wait until the kernel has all that was acknowledged.

    While the disk is busy with the last fsync, a server with `everysec` puts writing off for up to two seconds and
    answers all the same: the one hole that the table of guarantees names for it.
    """
    with server.client() as client:
        until(lambda: client.info("persistence")["aof_buffer_length"] == 0, "everything is written")


@pytest.mark.parametrize("kept", ["everysec", "always", "cluster"])
def test_t7_acknowledged_work_survives_the_kill_of_a_server_that_writes_it_down(
    start_server, new_cluster, scale, record, kept
) -> None:
    calls = scale(100, 2_000)
    if kept == "cluster":
        server, url = cluster_of_one(start_server)
    else:
        server = start_server(appendonly="yes", appendfsync=kept)
        url = server.url
    cluster = new_cluster(url=url, lease_seconds=LEASE_S)
    invocations = cluster.submit("work", [(number,) for number in range(calls)])
    until_written(server)
    server.restart()
    cluster.start(2)
    cluster.until_ended(BOUND_S)
    record(cluster.check(Row("T7", f"kill -9 of a server, {kept}", 1), invocations))
    cluster.check_results(invocations)


def test_t8_what_a_server_without_a_file_forgot_is_told_to_those_who_wait(start_server, new_cluster, record) -> None:
    server = start_server(appendonly="no")
    cluster = new_cluster(url=server.url)
    gone = cluster.submit("work", [(number,) for number in range(20)])
    server.restart()
    for one in gone:
        with pytest.raises((InvocationNotFoundError, ResultExpired)):
            one.get(timeout=BOUND_S)
    cluster.worker()
    after = cluster.task("work")(1)
    assert after.get(timeout=BOUND_S) == [1, 1]
    row = cluster.check(Row("T8", "kill -9 of a server that keeps nothing (documented)", 1), [after])
    row.submitted, row.lost = len(gone) + 1, len(gone)
    record(row)


def test_t15_what_the_replica_has_survives_the_end_of_its_master(start_server, new_cluster, scale, record) -> None:
    calls = scale(60, 1_000)
    master = start_server(port=0, appendonly="yes")
    replica = replica_of(master, start_server)
    sentinel = Sentinel(master)
    try:
        sentinel.start()
        cluster = new_cluster(url=sentinel.url, lease_seconds=LEASE_S, max_losses=100)
        invocations = cluster.submit("work", [(number, 0.02) for number in range(calls)])
        until_followed(master, replica)
        cluster.start(2)
        cluster.until_started(5)
        master.kill()
        cluster.until_ended(BOUND_S)
        record(cluster.check(Row("T15", "the master killed, its replica promoted", 1), invocations))
        cluster.check_results(invocations)
        cluster.close()
    finally:
        sentinel.remove()


def test_t1_t16_killed_workers_lose_nothing_over_a_cluster(start_server, new_cluster, scale, record) -> None:
    kills, calls = scale((2, 20), (60, 1_000))
    _, url = cluster_of_one(start_server)
    cluster = new_cluster(url=url, lease_seconds=LEASE_S, max_losses=100)
    invocations = killed_under_work(cluster, kills, calls)
    record(cluster.check(Row("T1", "kill -9 of a worker, cluster", kills), invocations))
    cluster.check_results(invocations)


def test_t1_killed_workers_lose_nothing_over_the_local_engine(
    new_cluster, scale, record, tmp_path, monkeypatch
) -> None:
    kills, calls = scale((2, 20), (60, 1_000))
    with tempfile.TemporaryDirectory(prefix="pynenc-") as sockets:  # a short path: that of a socket has a limit
        monkeypatch.setenv("XDG_RUNTIME_DIR", sockets)
        Path(sockets).chmod(0o700)
        cluster = new_cluster(engine="local", local_dir=str(tmp_path / "state"), lease_seconds=LEASE_S, max_losses=100)
        try:
            invocations = killed_under_work(cluster, kills, calls)
            record(cluster.check(Row("T1", "kill -9 of a worker, local engine", kills), invocations))
            cluster.check_results(invocations)
        finally:
            cluster.close()
            local.close(cluster.engine, BOUND_S)
