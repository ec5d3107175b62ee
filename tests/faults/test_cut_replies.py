"""Connections that break at the worst moment: a request may be done and its reply lost.

The state machine of the port runs through the proxy: after every step the engine stands where the
model stands, so no resend had a second effect, and no reply was taken for that of another request.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import hypothesis
import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from pynenc.exceptions import EngineUnreachableError
from pynenc.model.records import Submission
from tests.engines import Make
from tests.faults.proxy.faults import Cut, Decide, Request, Where
from tests.faults.rig.report import Row
from tests.property.test_engine_machine import EngineMachine

CHANCE = 0.2
FORGET_EVERY_S = 0.1


def run_machine(make: Make, examples: int, steps: int, seed: int) -> None:
    """Run the state machine of the port."""
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=False,
        # What is hit depends on threads and time as well, so making a failure small would not repeat it.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    machine = hypothesis.seed(seed)(lambda: EngineMachine(make, set()))
    run_state_machine_as_test(machine, settings=how)


def by_chance(where: Where, seed: int, most_of_each: int) -> Decide:
    """Cut at scripts by chance, at no script more often than that."""
    chance, hits = random.Random(seed), dict[bytes, int]()

    def decide(request: Request) -> Cut | None:
        script = request.script
        if script is None or hits.get(script, 0) >= most_of_each or chance.random() >= CHANCE:
            return None
        hits[script] = hits.get(script, 0) + 1
        return Cut(where)

    return decide


@pytest.mark.parametrize(
    ("test", "where"),
    [
        pytest.param("T11", Where.AFTER, id="after the request"),
        pytest.param("T11", Where.BEFORE, id="before the request"),
        pytest.param("T12", Where.MID_REPLY, id="in the middle of the reply"),
        pytest.param("T12", Where.HALF_CLOSED, id="half closed"),
    ],
)
def test_t11_t12_a_resend_has_no_second_effect(make_through, proxy, scale, seed, record, test, where) -> None:
    examples, steps, most = scale((2, 25, 50), (40, 60, 1_000))
    proxy.when(by_chance(where, seed, most))
    run_machine(make_through(proxy), examples, steps, seed)
    record(Row(test, f"cut {where}", sum(proxy.cuts.values()), sum(proxy.requests.values())))
    assert len(proxy.cuts) >= scale(5, 10)  # different scripts
    assert sum(proxy.cuts.values()) >= scale(10, 200)


def test_t12_replies_that_trickle_are_read_whole(make_through, proxy, scale, seed, record) -> None:
    examples, steps, pace = scale((1, 3, 0.001), (1, 8, 0.002))
    proxy.trickle(pace)
    run_machine(make_through(proxy), examples, steps, seed)
    record(Row("T12", f"a byte every {pace * 1_000:g} ms", 1, sum(proxy.requests.values())))


def test_t12_callers_on_a_line_that_trickles_are_each_told_their_own(new_engine, proxy, scale, record) -> None:
    """Too slow a line to connect on within the usual time; on one that is told to be patient all goes well."""
    pace = scale(0.005, 0.1)
    proxy.trickle(pace)
    hurried, patient = ({"connect": most, "reply": 2.0, "overall": most, "first": most} for most in (20 * pace, 600.0))
    with pytest.raises(EngineUnreachableError, match="no answer from"):
        new_engine(url=proxy.url, seconds=hurried).counts()
    engine = new_engine(url=proxy.url, seconds=patient)

    def submit_and_read(name: str) -> tuple[str, str, str]:
        ((_, invocation_id, _),) = engine.submit([Submission(name, call=b"x")])
        found = engine.record(invocation_id)
        return invocation_id, found["invocation_id"], found["task_id"]

    names = ["app.one", "app.two", "app.three"]
    with ThreadPoolExecutor(len(names)) as callers:
        told = list(callers.map(submit_and_read, names))
    assert [task_id for *_, task_id in told] == names
    assert all(submitted == read for submitted, read, _ in told)
    record(Row("T12", f"a byte every {pace * 1_000:g} ms", 1, len(told)))


@contextmanager
def forgetting(url: str) -> Iterator[Callable[[], int]]:
    """Have the server forget its functions, again and again; says how often by now."""
    ended, times = threading.Event(), [0]

    def forget() -> None:
        with redis.Redis.from_url(url) as client:
            while not ended.wait(FORGET_EVERY_S):
                client.function_flush()
                times[0] += 1

    thread = threading.Thread(target=forget)
    thread.start()
    try:
        yield lambda: times[0]
    finally:
        ended.set()
        thread.join()


def test_t17_functions_that_the_server_forgot_are_loaded(make_through, proxy, server, scale, seed, record) -> None:
    examples, steps = scale((3, 25), (100, 60))
    with forgetting(server.url) as times:
        run_machine(make_through(proxy), examples, steps, seed)
        record(Row("T17", "FUNCTION FLUSH every 100 ms", times(), sum(proxy.requests.values())))
        assert times() >= 3
