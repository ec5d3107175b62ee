from __future__ import annotations

import asyncio
import threading

import pytest

from pynenc import Pynenc, RetryError
from pynenc.exceptions import BlockingWaitError, CycleDetectedError, InvocationCancelledError, PynencError
from pynenc.invocation import BaseInvocation, ConcurrentInvocationGroup, InvocationStatus

app = Pynenc("test-conc-invocation", config_values={"dev_mode_force_sync_tasks": True})
runs: list[int] = []
mine: list[BaseInvocation] = []


@app.task
def counted(x=0):
    runs.append(x)
    return x


@app.task(max_retries=2, retry_for=(KeyError,))
def flaky(failures, error=KeyError):
    runs.append(len(runs))
    if len(runs) <= failures:
        raise error("again")
    return len(runs)


@app.task(max_retries=1)
async def flaky_async(failures):
    runs.append(len(runs))
    if len(runs) <= failures:
        raise RetryError("again")
    return len(runs)


@app.task
def nested():
    inner = inner_identity()
    assert nested.invocation.task is nested
    return nested.invocation.invocation_id, inner.result, nested.invocation.invocation_id


@app.task
def inner_identity():
    return inner_identity.invocation.invocation_id


@app.task
def thread_of():
    return threading.current_thread()


@app.task
def waits_for_itself():
    return mine[0].result


@app.task
def interrupted():
    runs.append(0)
    if len(runs) == 1:
        raise KeyboardInterrupt
    return "second time"


@pytest.fixture(autouse=True)
def _fresh():
    runs.clear()
    mine.clear()


def test_nothing_runs_before_it_is_asked_for():
    invocation = counted(3)
    assert invocation.status is InvocationStatus.REGISTERED
    assert runs == []
    assert invocation.result == invocation.result == invocation.get(timeout=1) == 3
    assert runs == [3]
    assert invocation.status is InvocationStatus.SUCCESS
    assert invocation.done()


def test_it_runs_in_the_thread_that_asks():
    assert thread_of().result is threading.current_thread()


def test_retries_inline():
    invocation = flaky(2)
    assert invocation.result == 3
    assert invocation.num_retries == 2


def test_last_error_is_kept():
    invocation = flaky(5)
    for _ in range(2):
        with pytest.raises(KeyError):
            _ = invocation.result
    assert len(runs) == 3
    assert invocation.status is InvocationStatus.FAILED


def test_other_errors_are_not_retried():
    invocation = flaky(5, ValueError)
    with pytest.raises(ValueError, match="again"):
        _ = invocation.result
    assert len(runs) == 1


def test_context_is_the_innermost():
    before, inner, after = nested().result
    assert before == after != inner
    with pytest.raises(RuntimeError):
        _ = nested.invocation


def test_a_body_that_waits_for_itself():
    invocation = waits_for_itself()
    mine.append(invocation)
    with pytest.raises(CycleDetectedError):
        _ = invocation.result


def test_ctrl_c_is_no_outcome():
    invocation = interrupted()
    with pytest.raises(KeyboardInterrupt):
        _ = invocation.result
    assert invocation.status is InvocationStatus.REGISTERED
    assert invocation.result == "second time"


def test_cancel():
    invocation = counted()
    assert invocation.cancel()
    with pytest.raises(InvocationCancelledError):
        _ = invocation.result
    assert not invocation.cancel()
    assert runs == []


def test_it_cannot_be_sent():
    with pytest.raises(PynencError, match="this process only"):
        counted().to_json()


# -- asyncio --------------------------------------------------------------------------------------
def test_async_bodies_from_outside_of_a_loop():
    assert flaky_async(1).result == 2


def test_async_bodies_on_the_running_loop():
    async def main():
        invocation = flaky_async(1)
        with pytest.raises(BlockingWaitError, match="await"):
            _ = invocation.result
        assert invocation.status is InvocationStatus.REGISTERED
        return await asyncio.gather(invocation, invocation.async_result())

    assert asyncio.run(main()) == [2, 2]
    assert len(runs) == 2


def test_async_body_that_fails():
    with pytest.raises(RetryError):
        asyncio.run(flaky_async(9).async_result())
    assert len(runs) == 2


def test_plain_bodies_do_not_block_the_loop():
    async def main():
        return await thread_of()

    assert asyncio.run(main()) is not threading.current_thread()


# -- groups ---------------------------------------------------------------------------------------
def test_group():
    group = counted.parallelize([(n,) for n in range(4)])
    assert isinstance(group, ConcurrentInvocationGroup)
    assert len(group) == 4
    assert group.invocations == list(group)
    assert group[1].arguments.kwargs == {"x": 1}
    assert runs == []
    seen = []
    assert group.get(on_progress=lambda done, total: seen.append((done, total))) == [0, 1, 2, 3]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert list(group.results) == [0, 1, 2, 3]
    assert group.app is app


def test_group_with_errors():
    group = flaky.parallelize([(0,), (9, ValueError), (0,)])
    found = group.get(return_exceptions=True)
    assert found[0] == 1
    assert isinstance(found[1], ValueError)
    with pytest.raises(ValueError, match="again"):
        list(group.results)
    with pytest.raises(ValueError, match="again"):
        group.get()
    assert group.cancel() == 0


def test_group_on_a_loop():
    async def main():
        group = counted.parallelize([(n,) for n in range(3)])
        results = [result async for result in group.async_results()]
        failing = await flaky.parallelize([(99, ValueError)]).async_get(return_exceptions=True)
        return results, await group, failing

    results, again, failing = asyncio.run(main())
    assert results == again == [0, 1, 2]
    assert isinstance(failing[0], ValueError)
