"""Groups over every engine: their members, their results as they end and in order, and how far they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from pynenc import Pynenc
from pynenc.invocation import DistributedInvocation, DistributedInvocationGroup, InvocationStatus
from tests.acceptance.conftest import Place

app = Pynenc("test-group", config_values={"max_threads": 2, "logging_level": "error"})
gates: dict[int, threading.Event] = {}


@app.task
def gated(index):
    gates[index].wait(30)
    return index


@app.task(parallel_batch_size=5)
def same(x):
    return x


@app.task
def odd_fails(x):
    if x % 2:
        raise ValueError(x)
    return x


@app.task
async def same_async(x):
    return x


@pytest.fixture(autouse=True)
def _here(place: Place) -> None:
    place.move(app)


@pytest.fixture
def running() -> Iterator[None]:
    with app.running():
        yield
        for gate in gates.values():
            gate.set()


@pytest.fixture
def two_gates() -> None:
    gates.clear()
    gates.update({0: threading.Event(), 1: threading.Event()})


def test_members():
    group = same.parallelize([(n,) for n in range(3)])
    assert isinstance(group, DistributedInvocationGroup)
    assert len(group) == len(group.invocations) == 3
    assert all(type(member) is DistributedInvocation for member in group)
    assert [member.arguments.kwargs["x"] for member in group] == [0, 1, 2]
    assert group[-1] == group[2]
    assert (group.task, group.app) == (same, app)
    with pytest.raises(IndexError):
        group[3]
    assert group.cancel() == 3
    assert all(member.status is InvocationStatus.CANCELLED for member in group)


def test_results_come_as_they_end(running, two_gates):
    results = gated.parallelize([(0,), (1,)]).results
    gates[1].set()
    assert next(results) == 1
    gates[0].set()
    assert next(results) == 0
    assert next(results, None) is None


def test_get_is_in_the_order_of_the_input(running, two_gates):
    group = gated.parallelize([(0,), (1,)])
    with pytest.raises(TimeoutError):
        group.get(timeout=0.01)
    gates[1].set()
    assert next(group.results) == 1
    gates[0].set()
    assert group.get() == [0, 1]
    assert sorted(group.get(ordered=False)) == [0, 1]


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_progress(running, ordered, stream):
    items = [(n,) for n in range(12)]
    group = same.parallelize(iter(items) if stream else items)
    seen = []
    found = group.get(ordered=ordered, on_progress=lambda done, total: seen.append((done, total)))
    assert found == list(range(12)) if ordered else sorted(found) == list(range(12))
    assert [done for done, _ in seen] == list(range(1, 13))
    assert seen[-1] == (12, 12)


def test_errors(running):
    group = odd_fails.parallelize([(n,) for n in range(4)])
    found = group.get(return_exceptions=True)
    assert [found[0], found[2]] == [0, 2]
    assert [type(found[1]), found[3].args] == [ValueError, (3,)]
    with pytest.raises(ValueError, match=r"1|3"):
        group.get()
    with pytest.raises(ValueError, match=r"1|3"):
        list(group.results)


def test_empty(running):
    for empty in ([], iter([])):
        group = same.parallelize(empty)
        assert list(group.results) == []
        assert group.get() == []
    assert asyncio.run(collect(same.parallelize([]))) == []


async def collect(group):
    return [result async for result in group.async_results()]


@pytest.mark.parametrize("task", [same, same_async], ids=str)
@pytest.mark.parametrize("stream", [False, True])
def test_without_blocking(running, task, stream):
    def group():
        items = ((n,) for n in range(20))
        return task.parallelize(items if stream else list(items))

    async def main():
        seen = []
        ordered = await group()
        progressed = await group().async_get(ordered=False, on_progress=lambda done, total: seen.append(done))
        return await collect(group()), ordered, progressed, seen

    results, ordered, progressed, seen = asyncio.run(main())
    assert sorted(results) == sorted(progressed) == ordered == list(range(20))
    assert seen == list(range(1, 21))


def test_errors_without_blocking(running):
    async def main():
        found = await odd_fails.parallelize([(0,), (1,)]).async_get(return_exceptions=True)
        with pytest.raises(ValueError, match="1"):
            await odd_fails.parallelize([(1,)])
        with pytest.raises(ValueError, match="1"):
            await collect(odd_fails.parallelize([(1,)]))
        return found

    found = asyncio.run(main())
    assert found[0] == 0
    assert isinstance(found[1], ValueError)


def test_time_is_over_without_blocking(running, two_gates):
    async def main():
        group = gated.parallelize([(0,)])
        with pytest.raises(TimeoutError):
            await group.async_get(timeout=0.01)
        gates[0].set()
        return await group

    assert asyncio.run(main()) == [0]
