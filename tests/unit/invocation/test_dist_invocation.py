from __future__ import annotations

import asyncio
import copy
import json
import pickle
import subprocess
import sys
import threading

import pytest

from pynenc import Pynenc
from pynenc.exceptions import (
    BlockingWaitError,
    InvocationCancelledError,
    InvocationError,
)
from pynenc.invocation import BaseInvocation, DistributedInvocation, InvocationStatus

app = Pynenc("test-dist-invocation", config_values={"max_threads": 2})
blocker = threading.Event()
entered = threading.Event()


@app.task
def add(x, y=1):
    return x + y


@app.task
def fails():
    raise KeyError("as raised")


@app.task
def blocks():
    entered.set()
    blocker.wait(30)
    return "done"


@app.task
async def sleeps():
    entered.set()
    await asyncio.sleep(30)


@app.task
def spins():
    entered.set()
    while True:
        blocker.wait(0.001)


@app.task(max_run_seconds=0.05)
def overruns():
    while True:
        blocker.wait(0.001)


@app.task
def parent():
    return add(1).parent_invocation == parent.invocation


@app.task
async def waits_badly():
    return add(1).result


@app.task
async def waits_well():
    return await add(1) + await add(2).async_result()


@app.task
async def gives_up():
    invocation = blocks()
    try:
        await asyncio.wait_for(invocation.async_result(), 0.01)
    except TimeoutError:
        return gives_up.invocation.status.value
    return "no timeout"


@pytest.fixture
def running():
    blocker.clear()
    entered.clear()
    with app.running():
        yield
        blocker.set()


# -- identity -------------------------------------------------------------------------------------
def test_identity():
    invocation, other = add(1), add(1)
    assert isinstance(invocation, BaseInvocation)
    assert type(invocation) is DistributedInvocation
    same = app.get_invocation(invocation.invocation_id)
    assert same == invocation
    assert hash(same) == hash(invocation)
    assert invocation != other
    assert invocation != invocation.invocation_id
    assert len({invocation, same, other}) == 2


def test_text():
    invocation = add(1)
    assert str(invocation) == repr(invocation)
    assert invocation.invocation_id in str(invocation)
    assert add.task_id in str(invocation)


def test_an_invocation_has_no_room_for_more():
    invocation = add(1)
    assert not hasattr(invocation, "__dict__")
    with pytest.raises(AttributeError):
        invocation.note = 1


def test_it_is_made_by_calling_a_task():
    with pytest.raises(TypeError, match="calling its task"):
        DistributedInvocation()


def test_its_call():
    invocation = add(1)
    assert invocation.task is add
    assert invocation.app is app
    assert invocation.arguments == add.args(1)
    assert invocation.call.task is add
    assert invocation.call.call_id.startswith(f"#task_id#{add.task_id}")


# -- life -----------------------------------------------------------------------------------------
def test_before_it_runs():
    invocation = add(1)
    assert invocation.status is InvocationStatus.REGISTERED
    assert not invocation.done()
    assert invocation.num_retries == 0
    with pytest.raises(InvocationError, match="not ended"):
        invocation._take()


def test_result_and_history(running):
    invocation = add(1)
    assert invocation.result == invocation.get() == invocation.get(timeout=0) == 2
    assert invocation.status is InvocationStatus.SUCCESS
    assert invocation.done()
    history = invocation.history
    assert [entry.status.value for entry in history] == ["registered", "pending", "running", "success"]
    assert all(entry.timestamp.tzinfo is not None for entry in history)
    assert history[0].timestamp <= history[-1].timestamp
    assert "ThreadRunner" in history[-1].execution_context
    assert type(history[0]).from_json(history[0].to_json()) == history[0]


def test_an_error_is_raised_at_each_reading(running):
    invocation = fails()
    for _ in range(2):
        with pytest.raises(KeyError, match="as raised"):
            _ = invocation.result
    assert invocation.status is InvocationStatus.FAILED


def test_timeout(running):
    invocation = blocks()
    with pytest.raises(TimeoutError, match=invocation.invocation_id):
        invocation.get(timeout=0.01)
    blocker.set()
    assert invocation.get(timeout=30) == "done"


def test_parent(running):
    assert add(1).parent_invocation is None
    assert parent().result


# -- without blocking -----------------------------------------------------------------------------
def test_awaiting_from_outside(running):
    async def main():
        invocation = add(1)
        return await invocation, await invocation.async_result(), await asyncio.gather(*(add(n) for n in range(10)))

    assert asyncio.run(main()) == (2, 2, list(range(1, 11)))


def test_awaiting_raises_the_error(running):
    async def main():
        await fails()

    with pytest.raises(KeyError):
        asyncio.run(main())


def test_awaiting_can_be_given_up(running):
    async def main():
        invocation = blocks()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(invocation.async_result(), 0.01)
        blocker.set()
        return await invocation

    assert asyncio.run(main()) == "done"


def test_inside_of_coroutines(running):
    assert waits_well().result == 5
    with pytest.raises(BlockingWaitError):
        _ = waits_badly().result
    assert gives_up().result == "running"


# -- calling off ----------------------------------------------------------------------------------
def test_cancel_before_it_runs():
    invocation = add(1)
    assert invocation.cancel()
    assert invocation.status is InvocationStatus.CANCELLED
    assert not invocation.cancel()
    with pytest.raises(InvocationCancelledError):
        _ = invocation.result


@pytest.mark.parametrize("task", [sleeps, spins], ids=str)
def test_cancel_while_it_runs(running, task):
    invocation = task()
    assert entered.wait(30)
    assert invocation.cancel()
    with pytest.raises(InvocationCancelledError):
        _ = invocation.result
    assert invocation.status is InvocationStatus.CANCELLED
    assert add(1).result == 2


def test_max_run_seconds(running):
    with pytest.raises(Exception, match="max_run_seconds"):
        _ = overruns().result
    assert add(1).result == 2


# -- travelling -----------------------------------------------------------------------------------
def test_pickle_in_this_process_is_the_same_one(running):
    invocation = add(1)
    restored = pickle.loads(pickle.dumps(invocation))
    assert restored == invocation
    assert type(restored) is type(invocation)
    assert restored.result == 2
    assert copy.copy(invocation) == copy.deepcopy(invocation) == invocation


def test_pickle_elsewhere_asks_the_engine_of_the_copy():
    code = "import pickle, sys; pickle.load(sys.stdin.buffer)"
    data = pickle.dumps(add(1))
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=False)
    assert b"InvocationNotFoundError" in done.stderr.splitlines()[-1]


def test_json():
    invocation = add(1)
    assert set(json.loads(invocation.to_json())) == {"invocation_id", "parent_invocation_id"}
    assert DistributedInvocation.from_json(app, invocation.to_json()) == invocation
    with pytest.raises(ValueError, match="not an invocation"):
        DistributedInvocation.from_json(app, "[]")
