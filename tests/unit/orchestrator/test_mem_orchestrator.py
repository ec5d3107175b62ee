from __future__ import annotations

import asyncio
import threading

import pytest

from pynenc import ConcurrencyControlType, Pynenc
from pynenc.call import Call, PreSerializedCall
from pynenc.exceptions import InvocationNotFoundError, RetryError, TaskParallelProcessingError
from pynenc.invocation import InvocationStatus, ReusedInvocation

app = Pynenc("test-mem-orchestrator", config_values={"max_threads": 1, "inline_waits": False})
release = threading.Event()
waiting = threading.Event()


@app.task
def add(x, y=1):
    return x + y


@app.task
async def child():
    waiting.set()
    await asyncio.to_thread(release.wait, 30)
    return "child"


@app.task
def waits():
    return child().result


@app.task(max_retries=3)
def flaky(box):
    box.append(1)
    if len(box) < 3:
        raise RetryError
    return len(box)


@pytest.fixture(autouse=True)
def _fresh():
    release.clear()
    waiting.clear()
    yield
    release.set()
    app.purge()


def test_route_call():
    invocation = app.orchestrator.route_call(Call(add, add.args(1)))
    assert invocation.arguments == add.args(1)
    assert app.orchestrator.get_invocation(invocation.invocation_id) == invocation
    with pytest.raises(InvocationNotFoundError):
        app.orchestrator.get_invocation("00000000-0000-8000-8000-000000000000")


def test_route_call_follows_the_registration_rule():
    task = Pynenc("rule").task(add.func, registration_concurrency=ConcurrencyControlType.TASK)
    route = task.app.orchestrator.route_call
    first = route(Call(task, task.args(1)))
    assert isinstance(route(Call(task, task.args(2))), ReusedInvocation)
    with pytest.raises(TaskParallelProcessingError):
        task.app.orchestrator.route_calls([PreSerializedCall(task, {"x": 1, "y": 1})])
    assert task.app.orchestrator.get_existing_invocations(task) == [first]


def test_route_calls():
    assert app.orchestrator.route_calls([]) == []
    shared = {"y": app.arg_cache.serialize(10)}
    found = app.orchestrator.route_calls([PreSerializedCall(add, {"x": n}, shared) for n in range(3)])
    with app.running():
        assert [invocation.result for invocation in found] == [10, 11, 12]


def test_finding():
    one, two, three = add(1), add(2), add(2, 5)
    three.cancel()
    find = app.orchestrator.get_existing_invocations
    assert find(add) == [one, two, three]
    assert find(flaky) == []
    assert find(add, statuses=[InvocationStatus.REGISTERED]) == [one, two]
    assert find(add, statuses=[]) == []
    assert find(add, {"x": "2"}) == [two, three]
    assert find(add, {"x": "2"}, [InvocationStatus.CANCELLED]) == [three]


def test_statuses():
    one, two = add(1), add(2)
    two.cancel()
    orchestrator = app.orchestrator
    assert orchestrator.get_invocation_status(one) is InvocationStatus.REGISTERED
    assert orchestrator.filter_by_status([one, two]) == [one, two]
    assert orchestrator.filter_by_status([one, two], {InvocationStatus.CANCELLED}) == [two]
    assert orchestrator.filter_final([one, two]) == [two]


def test_retries_are_counted():
    with app.running():
        invocation = flaky([])
        assert invocation.result == 3
    assert app.orchestrator.get_invocation_retries(invocation) == 2
    assert [entry.status.value for entry in invocation.history].count("retry") == 2


def test_who_waits_for_whom():
    orchestrator = app.orchestrator
    with app.running():
        waiter = waits()
        assert waiting.wait(30)
        own = app.state_backend
        while waiter.status is not InvocationStatus.PAUSED:
            app.runtime.engine.wait_final([waiter.invocation_id], 0.005)
        (awaited,) = own.get_record(waiter.invocation_id).awaits
        assert orchestrator.cycle_control.get_awaited_chain(waiter.invocation_id) == [awaited]
        assert orchestrator.cycle_control.get_awaited_chain(awaited) == []
        assert orchestrator.blocking_control.get_blocking_invocations(5) == []
        release.set()
        assert waiter.result == "child"


def test_awaited_work_that_nobody_runs():
    engine = app.runtime.engine
    waiter, awaited, other = add(1), add(2), add(3)
    (claim,) = engine.claim(engine.register_worker("w"), 1)
    assert claim.invocation_id == waiter.invocation_id
    engine.start(claim)
    assert engine.pause(claim, [awaited.invocation_id])
    blocking = app.orchestrator.blocking_control.get_blocking_invocations
    assert blocking(5) == [awaited]
    assert blocking(0) == []
    assert other not in blocking(5)
    assert app.broker.retrieve_invocation() == awaited


def test_auto_purge_keeps_what_the_limits_keep():
    invocation = add(1)
    app.orchestrator.auto_purge()
    assert invocation.status is InvocationStatus.REGISTERED


def test_settings_reach_the_core():
    own = Pynenc("control", config_values={"cycle_control": False})
    assert not own.orchestrator.conf.cycle_control
    own.orchestrator.conf.cycle_control = True
    with own.running():
        assert own.task(add.func)(1).result == 2
