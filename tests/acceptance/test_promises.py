"""What the library promises, met on every engine through the public API."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from pynenc import ConcurrencyControlType, InvocationStatus, Pynenc, RetryError
from pynenc.exceptions import (
    CycleDetectedError,
    InvocationCancelledError,
    MaxRunTimeError,
)
from tests.acceptance.conftest import Place

BOUND_S = 30
LIMIT_S = 0.05
FINAL = {status for status in InvocationStatus if status.is_final()}

app = Pynenc("promises", config_values={"logging_level": "critical", "max_threads": 4})


class Gates:
    """Where bodies wait for the test, and the test for bodies."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()

    def wait(self) -> None:
        """In slices, so that a body can be interrupted."""
        self.entered.release()
        while not self.open.is_set():
            self.open.wait(0.005)

    def until_entered(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.entered.acquire(timeout=BOUND_S)


gates, inner = Gates(), Gates()
runs: Counter[Any] = Counter()
members: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _fresh(place: Place) -> Iterator[None]:
    place.move(app)
    for each in (gates, inner):
        each.__init__()  # type: ignore[misc]  # anew, for the bodies that know it
    runs.clear()
    members.clear()
    yield
    gates.open.set()
    inner.open.set()
    with app.running():
        engine = app.runtime.engine
        while left := engine.find(None, [status for status in InvocationStatus if status not in FINAL]):
            assert engine.wait_final(left, BOUND_S)
    assert not engine.doctor()
    app.purge()


@pytest.fixture
def running() -> Iterator[None]:
    with app.running():
        yield


@pytest.fixture(params=[True, False], ids=["inline waits", "no inline waits"])
def one_slot(request: pytest.FixtureRequest, place: Place) -> Iterator[Pynenc]:
    own = place.app("one-slot-promises", max_threads=1, inline_waits=request.param)
    for task in (one, deep, wide, deep_async, wide_async, naps):
        task.app = own
    with own.running():
        yield own
    for task in (one, deep, wide, deep_async, wide_async, naps):
        task.app = app


def one_terminal_status(invocation: Any) -> bool:
    ends = [entry.status for entry in invocation.history if entry.status in FINAL]
    return ends == [invocation.history[-1].status] == [invocation.status]


# -- waits and slots ------------------------------------------------------------------------------
@app.task
def one(n: int) -> int:
    return n


@app.task
def deep(n: int) -> int:
    return deep(n - 1).result + 1 if n else 0


@app.task
def wide(n: int) -> int:
    return sum(one.parallelize([(i,) for i in range(n)]).results) + sum(one(i).result for i in range(n))


@app.task
async def deep_async(n: int) -> int:
    return await deep_async(n - 1) + 1 if n else 0


@app.task
async def wide_async(n: int) -> int:
    return sum(await one.parallelize([(i,) for i in range(n)])) + sum(await asyncio.gather(*map(one, range(n))))


napping: list[asyncio.Event] = []


@app.task
async def naps(all_of_them: int) -> int:
    """Ends when all of them are there at once."""
    napping.append(asyncio.Event())
    if len(napping) == all_of_them:
        gates.entered.release()
    await napping[-1].wait()
    return all_of_them


def test_a_chain_of_200_waits_needs_one_slot(one_slot: Pynenc) -> None:
    assert deep(200).get(timeout=BOUND_S) == 200
    assert one_slot.runner.max_parallel_slots == 1


def test_a_fan_of_1000_waits_needs_one_slot(one_slot: Pynenc) -> None:
    assert wide(1_000).get(timeout=BOUND_S) == 2 * sum(range(1_000))


def test_coroutines_chain_and_fan_out(one_slot: Pynenc) -> None:
    assert deep_async(200).get(timeout=BOUND_S) == 200
    assert wide_async(1_000).get(timeout=BOUND_S) == 2 * sum(range(1_000))


def test_a_thousand_coroutines_nap_at_once_and_take_no_slot(one_slot: Pynenc) -> None:
    napping.clear()
    group = naps.parallelize([(1_000,)] * 1_000)
    gates.until_entered()
    assert one(5).get(timeout=BOUND_S) == 5
    for event in napping:
        event._loop.call_soon_threadsafe(event.set)  # type: ignore[attr-defined]
    assert group.get(timeout=BOUND_S) == [1_000] * 1_000


def test_a_chain_of_coroutines_is_not_bound_by_the_async_slots(place: Place) -> None:
    own = place.app("async-slots", async_slots=2, grace_period_seconds=0, logging_level="critical")
    deep_async.app = own
    try:
        with own.running():
            assert deep_async(5).get(timeout=30) == 5
    finally:
        deep_async.app = app


# -- cycles ---------------------------------------------------------------------------------------
@app.task
def waits_for(own: str, other: str) -> Any:
    gates.wait()
    return members[other].result


@app.task(running_concurrency=ConcurrencyControlType.KEYS, key_arguments=("key",))
def holds(key: str, depth: int) -> Any:
    return holds(key, depth - 1).result if depth else key


@app.task
def waits_for_itself() -> Any:
    return waits_for_itself.invocation.result


@pytest.mark.parametrize("ring", ["ab", "abcd"])
def test_who_closes_a_ring_of_waits_is_told(running: None, ring: str) -> None:
    for own, other in zip(ring, ring[1:] + ring[0], strict=True):
        members[own] = waits_for(own, other)
    gates.until_entered(len(ring))
    gates.open.set()
    errors = []
    for own in ring:
        with pytest.raises(CycleDetectedError) as caught:
            members[own].get(timeout=BOUND_S)
        errors.append(caught.value)
    ids = {member.invocation_id for member in members.values()}
    # One of them closed the ring; the others were told by the one that they waited for.
    assert all(set(error.call_ids) == ids for error in errors)
    assert len({str(error) for error in errors}) == 1


def test_a_key_that_an_ancestor_holds_is_a_cycle(running: None) -> None:
    with pytest.raises(CycleDetectedError, match="holds"):
        holds("k", 1).get(timeout=BOUND_S)
    assert holds("k", 0).get(timeout=BOUND_S) == "k"


def test_a_wait_for_itself_is_a_cycle(running: None) -> None:
    with pytest.raises(CycleDetectedError, match="waits_for_itself"):
        waits_for_itself().get(timeout=BOUND_S)


# -- calling off ----------------------------------------------------------------------------------
@app.task
def spins(name: str = "") -> str:
    runs[name] += 1
    (inner if name == "child" else gates).wait()
    return name


@app.task
async def spins_async() -> None:
    gates.entered.release()
    await asyncio.Event().wait()


@app.task(running_concurrency=ConcurrencyControlType.TASK)
def alone(name: str) -> str:
    runs[name] += 1
    gates.wait()
    return name


@app.task
def pauses() -> Any:
    members["child"] = child = spins("child")
    inner.until_entered()  # it runs elsewhere, so it is waited for and not run here
    gates.entered.release()
    return child.result


def assert_cancelled(invocation: Any) -> None:
    with pytest.raises(InvocationCancelledError, match=invocation.invocation_id):
        invocation.get(timeout=BOUND_S)
    assert invocation.status is InvocationStatus.CANCELLED
    assert one_terminal_status(invocation)
    assert not invocation.cancel()


def test_cancel_what_is_queued() -> None:
    invocation = spins("queued")
    assert invocation.cancel()
    assert_cancelled(invocation)
    with app.running():
        assert one(1).get(timeout=BOUND_S) == 1
    assert not runs["queued"]


def test_cancel_what_is_claimed() -> None:
    spins("claimed")
    invocation = app.broker.retrieve_invocation()
    assert invocation.status is InvocationStatus.PENDING
    assert invocation.cancel()
    assert_cancelled(invocation)


@pytest.mark.parametrize("task", [spins, spins_async], ids=str)
def test_cancel_what_runs(running: None, task: Any) -> None:
    invocation = task()
    gates.until_entered()
    assert invocation.status is InvocationStatus.RUNNING
    assert invocation.cancel()
    assert_cancelled(invocation)


def test_cancel_what_is_paused(running: None) -> None:
    invocation = pauses()
    gates.until_entered()
    while invocation.status is not InvocationStatus.PAUSED:
        assert not invocation.done()
    assert invocation.cancel()
    assert_cancelled(invocation)
    inner.open.set()
    assert members["child"].get(timeout=BOUND_S) == "child"


def test_cancel_what_is_set_aside(running: None) -> None:
    first = alone("first")
    gates.until_entered()
    second, third = alone("second"), alone("third")
    assert one(1).get(timeout=BOUND_S) == 1
    assert second.cancel()
    assert_cancelled(second)
    gates.open.set()
    assert [first.get(timeout=BOUND_S), third.get(timeout=BOUND_S)] == ["first", "third"]
    assert runs == {"first": 1, "third": 1}


@pytest.mark.parametrize("task", [one], ids=str)
def test_ten_thousand_cancels_race_with_the_workers(running: None, task: Any) -> None:
    group = task.parallelize([(n,) for n in range(10_000)])
    invocations = list(group)
    start = threading.Barrier(3)

    def cancel(part: list[Any]) -> None:
        start.wait(BOUND_S)
        for invocation in part:
            invocation.cancel()

    threads = [threading.Thread(target=cancel, args=(invocations[place::2],)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    start.wait(BOUND_S)
    outcomes = group.get(timeout=BOUND_S, return_exceptions=True)
    for thread in threads:
        thread.join(BOUND_S)
    for n, (invocation, outcome) in enumerate(zip(invocations, outcomes, strict=True)):
        assert one_terminal_status(invocation)
        if invocation.status is InvocationStatus.SUCCESS:
            assert outcome == n == invocation.get(timeout=0)
        else:
            assert isinstance(outcome, InvocationCancelledError)


# -- how long a body may run ----------------------------------------------------------------------
@app.task(max_run_seconds=LIMIT_S)
def overruns() -> None:
    gates.wait()


@app.task(max_run_seconds=LIMIT_S)
async def overruns_async() -> None:
    await asyncio.Event().wait()


@app.task(max_run_seconds=LIMIT_S)
def overruns_in_a_wait() -> Any:
    members["child"] = child = spins("child")
    inner.until_entered()
    return child.result


@app.task
def long_child() -> str:
    until = time.monotonic() + 4 * LIMIT_S
    while time.monotonic() < until:
        gates.open.wait(0.001)
    return "whole"


@app.task
def short_child(n: int) -> int:
    return sum(range(n))


@app.task(max_run_seconds=LIMIT_S)
def overruns_under_a_child() -> None:
    members["child"] = child = long_child()
    members["result"] = child.result
    gates.wait()


@app.task(max_run_seconds=LIMIT_S)
def overruns_among_children() -> None:
    children = members["children"] = []
    while True:
        children.append(short_child(50))
        _ = children[-1].result


@pytest.mark.parametrize("task", [overruns, overruns_async, overruns_in_a_wait, overruns_under_a_child], ids=str)
def test_a_body_past_its_time_is_stopped(running: None, task: Any) -> None:
    invocation = task()
    with pytest.raises(MaxRunTimeError) as caught:
        invocation.get(timeout=BOUND_S)
    assert (caught.value.invocation_id, caught.value.seconds) == (invocation.invocation_id, LIMIT_S)
    assert one_terminal_status(invocation)
    inner.open.set()
    if "child" in members:  # which is not stopped for its parent's limit
        assert members["child"].get(timeout=BOUND_S) == ("whole" if task is overruns_under_a_child else "child")


def test_children_run_inline_are_never_stopped_for_their_parent(place: Place) -> None:
    own = place.app("inline-limits", max_threads=1, logging_level="critical")
    for task in (overruns_among_children, short_child):
        task.app = own
    try:
        with own.running():
            for _ in range(10):
                with pytest.raises(MaxRunTimeError):
                    overruns_among_children().get(timeout=BOUND_S)
                assert {child.get(timeout=BOUND_S) for child in members["children"]} == {sum(range(50))}
    finally:
        for task in (overruns_among_children, short_child):
            task.app = app


# -- retries --------------------------------------------------------------------------------------
ERRORS: dict[str, type[Exception]] = {error.__name__: error for error in (KeyError, RetryError, OSError)}


def fails_until(name: str, good: int, error: str) -> int:
    runs[name] += 1
    if runs[name] < good:
        raise ERRORS[error](f"run {runs[name]}")
    return runs[name]


async def fails_until_async(name: str, good: int, error: str) -> int:
    return fails_until(name, good, error)


@pytest.mark.parametrize("function", [fails_until, fails_until_async])
@pytest.mark.parametrize("max_retries", [0, 1, 5])
def test_a_body_is_run_once_more_than_it_may_be_retried(running: None, function: Any, max_retries: int) -> None:
    task = app.task(function, max_retries=max_retries, retry_for=(KeyError,))
    for error in (KeyError, RetryError):
        invocation = task(error.__name__, 100, error.__name__)
        with pytest.raises(error, match=f"run {max_retries + 1}"):
            invocation.get(timeout=BOUND_S)
        assert runs[error.__name__] == max_retries + 1
        assert invocation.num_retries == max_retries
        statuses = Counter(entry.status for entry in invocation.history)
        assert (statuses[InvocationStatus.RUNNING], statuses[InvocationStatus.RETRY]) == (max_retries + 1, max_retries)
    assert task("good", max_retries + 1, "KeyError").get(timeout=BOUND_S) == max_retries + 1
    with pytest.raises(OSError, match="run 1"):
        task("other", 2, "OSError").get(timeout=BOUND_S)
    assert runs["other"] == 1
