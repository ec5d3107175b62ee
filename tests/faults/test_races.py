"""Many hands at once: cancelling, purging, and equal calls."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from pynenc import InvocationStatus
from pynenc.exceptions import InvocationCancelledError, InvocationNotFoundError, ResultExpired
from tests.faults.rig.processes import until
from tests.faults.rig.report import Row

BOUND_S = 120.0


def at_once(count: int, body: Callable[[int], None]) -> None:
    """Run it in so many threads that start together; an error in one of them is an error here."""
    start, errors = threading.Barrier(count), []

    def run(number: int) -> None:
        try:
            start.wait(BOUND_S)
            body(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


# -- cancelling -------------------------------------------------------------------------------------------------------
def test_t45_whatever_is_cancelled_ends_once_as_it_was_told(new_cluster, seed, scale, record) -> None:
    calls = scale(300, 10_000)
    cluster = new_cluster(max_losses=100)
    cluster.start(2, slots=4)
    cluster.until_answering()
    chance = random.Random(seed)
    names = chance.choices(["work", "flaky"], k=calls)
    arguments = {"work": (0, 0.005), "flaky": (0, 2)}
    invocations: list = []
    told: dict[str, list[str]] = {}

    def cancel(one) -> None:
        told.setdefault(one.invocation_id, []).append(cluster.engine.cancel(one.invocation_id))

    for name in names:
        invocations.append(cluster.task(name)(*arguments[name]))
        if chance.random() < 0.7:
            cancel(chance.choice(invocations[-20:]))
    cluster.until_ended(BOUND_S + calls * 0.02)
    row = cluster.check(Row("T45", "cancelled at any moment", sum(map(len, told.values()))), invocations)
    record(row)
    finals = {one.invocation_id: one.status for one in invocations}
    for invocation_id, answers in told.items():
        assert "cancelled" not in answers or finals[invocation_id] is InvocationStatus.CANCELLED
        assert answers.count("cancelled") <= 1
    for invocation_id, status in finals.items():
        assert status in {InvocationStatus.SUCCESS, InvocationStatus.CANCELLED}
        assert invocation_id in told or status is InvocationStatus.SUCCESS
        history = [name for name, *_ in cluster.engine.history(invocation_id)]
        assert sum(InvocationStatus(name).is_final() for name in history) == 1


def test_t45_a_running_body_is_told(new_cluster, record) -> None:
    cluster = new_cluster()
    cluster.worker()
    one = cluster.task("work")(0, 600.0)
    cluster.until_started()
    assert cluster.engine.cancel(one.invocation_id) == "requested"
    with pytest.raises(InvocationCancelledError):
        one.get(timeout=BOUND_S)
    assert cluster.witness.effects() == []
    record(cluster.check(Row("T45", "cancelled in its body", 1), [one]))


# -- purging ----------------------------------------------------------------------------------------------------------
def test_t44_a_purge_ends_every_wait_and_nothing_comes_back(new_cluster, direct, scale, record) -> None:
    rounds, clients = scale((3, 4), (60, 8))
    cluster = new_cluster()
    cluster.start(2)
    cluster.until_answering()
    outcomes: Counter[str] = Counter()
    ended = threading.Event()

    def use(number: int) -> None:
        name, arguments = [("work", (0, 0.01)), ("flaky", (0, 2)), ("wide", (3,))][number % 3]
        while not ended.is_set():
            try:
                cluster.task(name)(*arguments).get(timeout=BOUND_S)
                outcomes["result"] += 1
            except (ResultExpired, InvocationNotFoundError, InvocationCancelledError):
                outcomes["gone"] += 1  # what is still queued is cancelled first, by the broker

    def purge() -> None:
        for _ in range(rounds):
            before = outcomes.total()
            until(lambda before=before: outcomes.total() >= before + 3 * clients, "the clients go on")
            cluster.app.purge()
        ended.set()

    at_once(clients + 1, lambda number: use(number) if number < clients else purge())
    cluster.stop_workers()
    cluster.app.purge()
    assert sum(cluster.engine.counts().values()) == 0
    assert cluster.engine.doctor() == []
    assert outcomes["result"]
    record(Row("T44", "purge beside waiters", rounds, outcomes.total()))


def test_t44_a_body_whose_run_was_taken_from_it_knows_who_it_is(new_cluster, record) -> None:
    """To the end, whatever it has an identity for: what it tidies up, or whom it tells."""
    cluster = new_cluster()
    cluster.worker()
    one = cluster.task("tidy")(600.0)
    cluster.until_started()
    cluster.engine.purge()
    until(cluster.witness.effects, "the body has ended")
    (sight,) = cluster.witness.effects()
    assert (sight.invocation_id, sight.note) == (one.invocation_id, one.invocation_id)
    record(Row("T44", "purge beside a body", 1, 1))


# -- equal calls ------------------------------------------------------------------------------------------------------
EQUAL_CALLS = """
import os, sys, time
from tests.faults.work.app import app
from tests.faults.work.tasks import call

app.runtime.engine.counts()
print("ready", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.001)
print(*{call("single", "k").invocation_id for _ in range(int(sys.argv[1]))})
"""


def test_t46_equal_calls_of_many_processes_make_one(new_cluster, tmp_path, scale, record) -> None:
    processes, calls = scale((4, 50), (50, 20))
    cluster = new_cluster()
    environment = cluster.environment()
    go = tmp_path / "go"
    command = ["-c", EQUAL_CALLS, str(calls), str(go)]
    clients = [cluster.processes.start(command, environment) for _ in range(processes)]
    until(lambda: all(client.output() for client in clients), "every client is ready")
    go.touch()
    assert [client.wait(BOUND_S) for client in clients] == [0] * processes
    ids = {line for client in clients for line in client.output().splitlines() if line != "ready"}
    assert len(ids) == 1
    (one,) = ids
    assert cluster.engine.find(None, None, 10) == [one]
    record(Row("T46", "equal calls at once", processes * calls, 1))


def holders(cluster) -> list:
    """The living workers that are in a body."""
    ended = {sight.token for sight in cluster.witness.effects()}
    busy = {sight.pid for sight in cluster.witness.starts() if sight.token not in ended}
    return [process for process in cluster.living if process.pid in busy]


def test_t46_one_key_never_runs_twice_at_once_even_when_its_holder_dies(new_cluster, scale, record) -> None:
    kills, calls = scale((2, 20), (15, 150))
    cluster = new_cluster(lease_seconds=1, max_losses=100)
    cluster.start(3, slots=2)
    invocations = cluster.submit("alone", [("k", number, 0.1) for number in range(calls)])
    for _ in range(kills):
        found: list = []
        until(lambda found=found: found.extend(holders(cluster)) or found, "a body holds the key")
        cluster.kill(found[0])
        cluster.worker(slots=2)
    cluster.until_ended(BOUND_S + calls)
    record(cluster.check(Row("T46", "kill -9 of the holder of a key", kills), invocations))
    assert sorted(one.get(timeout=BOUND_S) for one in invocations) == list(range(calls))
    ends = {sight.token: sight.at for sight in cluster.witness.effects()}
    for earlier, later in pairwise(cluster.witness.starts()):
        # One that was killed in its body has no end; the kill came before the next start.
        assert ends.get(earlier.token, cluster.lost.get(earlier.pid, later.at)) <= later.at
