"""The promises of the protocol, once over each way to keep the data: a cell of the table of guarantees each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pynenc.engine import local
from tests.faults.rig.places import Sentinel, cluster_of_one, replica_of
from tests.faults.rig.report import Row
from tests.faults.test_freeze import silence_in_a_body
from tests.faults.test_races import at_once

BOUND_S = 90.0
LEASE_S = 1.0
BODY_S = 0.3


@contextmanager
def always(start_server: Callable[..., Any]) -> Iterator[dict[str, str]]:
    """Every write is on the disk before it is acknowledged."""
    yield {"redis_url": start_server(appendonly="yes", appendfsync="always").url}


@contextmanager
def none(start_server: Callable[..., Any]) -> Iterator[dict[str, str]]:
    """Nothing is written down."""
    yield {"redis_url": start_server(appendonly="no").url}


@contextmanager
def replica(start_server: Callable[..., Any]) -> Iterator[dict[str, str]]:
    """A master with a replica, found through a Sentinel."""
    master = start_server(port=0, appendonly="yes")
    replica_of(master, start_server)
    sentinel = Sentinel(master)
    try:
        sentinel.start()
        yield {"redis_url": sentinel.url}
    finally:
        sentinel.remove()


@contextmanager
def cluster(start_server: Callable[..., Any]) -> Iterator[dict[str, str]]:
    """A server in cluster mode."""
    yield {"redis_url": cluster_of_one(start_server)[1]}


@contextmanager
def private(_: Callable[..., Any]) -> Iterator[dict[str, str]]:
    """The local engine's own server; its directory of sockets needs a short path."""
    with tempfile.TemporaryDirectory(prefix="pynenc-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        Path(folder).chmod(0o700)
        yield {"engine": "local", "local_dir": str(Path(folder) / "state")}


PLACES = {"always": always, "none": none, "replica": replica, "cluster": cluster, "local": private}


@pytest.fixture(params=PLACES)
def made(request, start_server, new_cluster):
    """A cluster of processes over that place."""
    with PLACES[request.param](start_server) as settings:
        found = new_cluster(url=settings.pop("redis_url", None), lease_seconds=LEASE_S, **settings)
        yield found
        found.close()
        if settings:
            local.close(found.engine, BOUND_S)


def equal_calls_make_one(made) -> list[Any]:
    """Many threads submit equal calls; nobody runs any of them yet."""
    taken: list[Any] = []
    at_once(4, lambda _: taken.extend(made.task("single")("k") for _ in range(25)))
    assert len({one.invocation_id for one in taken}) == 1
    return taken[:1]


def the_third_loss_is_the_end(made) -> None:
    """A body that has started is lost three times, and never a fourth."""
    lost = made.task("work")(0)
    for _ in range(3):
        worker = made.engine.register_worker("is lost")
        (claim,) = made.engine.claim(worker, 1)
        assert claim.invocation_id == lost.invocation_id
        made.engine.start(claim)
        made.engine.lose(worker)
    record = made.engine.record(lost.invocation_id)
    assert (record["status"], record["losses"], record["retries"]) == ("failed", 3, 0)


def a_late_result_is_refused(made) -> None:
    """A worker is frozen in a body until that was started elsewhere, and one more is killed."""
    first, _ = made.worker(), made.worker()
    silence_in_a_body(made, first.pid, first.freeze, first.thaw)
    made.kill(first)
    made.start()


def one_key_ran_alone(made) -> None:
    """No two bodies of one key overlap."""
    ends = {sight.token: sight.at for sight in made.witness.effects() if sight.note == "key"}
    starts = [sight for sight in made.witness.starts() if sight.note == "key"]
    for earlier, later in pairwise(starts):
        assert ends.get(earlier.token, made.lost.get(earlier.pid, later.at)) <= later.at


def test_every_promise_of_the_protocol_holds_wherever_the_data_lies(made, request, record) -> None:
    the_third_loss_is_the_end(made)
    once = equal_calls_make_one(made)
    eager = made.submit("eager", [(number, BODY_S) for number in range(12)])
    waiting = made.task("deep")(10)
    a_late_result_is_refused(made)
    alone = made.submit("alone", [("key", number, 0.05) for number in range(6)])
    made.until_ended(BOUND_S)
    row = made.check(Row("T1 T4 T26 T34 T46", f"over {request.node.callspec.id}", 2), [*eager, waiting, *once, *alone])
    record(row)
    made.check_results(eager)
    assert waiting.get(timeout=BOUND_S) == 10
    assert sorted(one.get(timeout=BOUND_S) for one in alone) == list(range(6))
    assert len([sight for sight in made.witness.effects() if sight.invocation_id == once[0].invocation_id]) == 1
    one_key_ran_alone(made)
    assert row.duplicates >= 1  # else nobody was late
