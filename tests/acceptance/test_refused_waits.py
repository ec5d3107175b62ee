"""After a wait that was refused nobody goes on: what it was for is called off."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pynenc import Pynenc
from pynenc.exceptions import CycleDetectedError
from tests.acceptance.conftest import Place

BOUND_S = 50
app = Pynenc("test-refused-waits", config_values={"max_threads": 2, "logging_level": "critical"})


@app.task
def itself(n: int) -> int:
    return itself(n).result


@app.task
def many_of_itself(n: int) -> int:
    return sum(many_of_itself.parallelize([(n,)] * 3).get())


@app.task
def one_way(n: int) -> int:
    return other_way(n).result


@app.task
def other_way(n: int) -> int:
    return one_way(n).result


@app.task
async def awaits_itself(n: int) -> int:
    return await awaits_itself(n)


@app.task
async def awaits_one_way(n: int) -> int:
    return await awaits_other_way(n)


@app.task
async def awaits_other_way(n: int) -> int:
    return await awaits_one_way(n)


@app.task(running_concurrency="TASK")
def needs_its_own_key(n: int) -> int:
    return needs_its_own_key(n + 1).result


@app.task(running_concurrency="TASK")
async def awaits_its_own_key(n: int) -> int:
    return await awaits_its_own_key(n + 1)


@app.task(running_concurrency="TASK")
def tries_and_goes_on(n: int) -> str:
    child = tries_and_goes_on(n + 1)
    try:
        return child.result
    except CycleDetectedError:
        return child.status.value


def at_rest(app: Pynenc) -> dict[str, int]:
    """How many of each status there are once none is left that could go on."""
    bound = time.monotonic() + BOUND_S
    while True:
        counts = {name: count for name, count in app.runtime.engine.counts().items() if count}
        if counts.keys() <= {"success", "failed", "cancelled"}:
            return counts
        assert time.monotonic() < bound, counts
        time.sleep(0.01)


ENDLESS = (itself, many_of_itself, one_way, needs_its_own_key, awaits_its_own_key)


@pytest.mark.parametrize("task", ENDLESS, ids=lambda task: task.func.__name__)
def test_what_a_refused_wait_was_for_does_not_go_on_without_end(place: Place, task: Any) -> None:
    place.move(app)
    with app.running():
        with pytest.raises(CycleDetectedError):
            task(1).get(timeout=BOUND_S)
        counts = at_rest(app)
    assert counts.get("cancelled")
    # A thread may have begun a child before its wait was refused, and so on, each time less likely.
    assert sum(counts.values()) < 1_000


AWAITING = pytest.mark.parametrize("task", [awaits_itself, awaits_one_way], ids=lambda task: task.func.__name__)


@AWAITING
def test_a_coroutine_may_not_await_a_call_that_equals_one_that_waits_for_it(place: Place, task: Any) -> None:
    place.move(app)
    with app.running(), pytest.raises(CycleDetectedError):
        task(1).get(timeout=BOUND_S)


@AWAITING
def test_in_memory_it_does_not_go_on_without_end(task: Any) -> None:
    Place({"engine": "memory", "runner_cls": "ThreadRunner"}).move(app)
    with app.running():
        with pytest.raises(CycleDetectedError):
            task(1).get(timeout=BOUND_S)
        assert sum(at_rest(app).values()) < 1_000


def test_a_body_that_goes_on_sees_its_child_called_off(place: Place) -> None:
    place.move(app)
    with app.running():
        assert tries_and_goes_on(1).get(timeout=BOUND_S) == "cancelled"
        assert at_rest(app) == {"success": 1, "cancelled": 1}
