"""Everything that waits inside a body, on a runner with a single slot: none of it may stall."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from pynenc import Pynenc
from pynenc.context import carry
from pynenc.exceptions import ResultExpired
from tests.acceptance.conftest import Place

app = Pynenc(app_id="one-slot", config_values={"max_threads": 1, "logging_level": "error"})
STREAMS = 200


@app.task
def one(i: int) -> int:
    return i


@app.task
def streams(n: int) -> int:
    return sum(one.parallelize((i,) for i in range(n)).results)


@app.task
def streams_what_it_awaits(n: int) -> int:
    def inputs() -> Iterator[tuple[int]]:
        for i in range(n):
            yield (one(i).result,)

    return sum(one.parallelize(inputs()).results)


@app.task
def threads(n: int) -> int:
    found: list[int] = []
    all_threads = [threading.Thread(target=carry(lambda i=i: found.append(one(i).result))) for i in range(n)]
    for thread in all_threads:
        thread.start()
    for thread in all_threads:
        thread.join()
    return sum(found)


@app.task
async def waits_in_a_thread(n: int) -> int:
    return await asyncio.to_thread(lambda: sum(one(i).result for i in range(n)))


@app.task
def both(n: int) -> int:
    return streams(n).result + threads(n).result + waits_in_a_thread(n).result


@pytest.fixture(autouse=True)
def _running(place: Place) -> Iterator[None]:
    place.move(app)
    with app.running():
        yield


@pytest.mark.parametrize("task", [streams, streams_what_it_awaits, threads, waits_in_a_thread])
def test_a_body_may_wait_in_any_way(task) -> None:
    assert task(60).get(timeout=30) == sum(range(60))


def test_a_body_may_wait_in_all_ways() -> None:
    assert both(20).get(timeout=30) == 3 * sum(range(20))


def test_slots_are_given_back_after_every_kind_of_wait() -> None:
    for _ in range(20):
        assert threads(5).get(timeout=30) == 10
        assert waits_in_a_thread(5).get(timeout=30) == 10
    assert [inv.get(timeout=30) for inv in [one(i) for i in range(50)]] == list(range(50))


def test_the_end_of_a_stream_is_never_missed() -> None:
    for n in range(STREAMS):
        assert sum(one.parallelize((i,) for i in range(n)).results) == sum(range(n))


def test_the_end_of_a_stream_is_never_missed_on_a_loop() -> None:
    async def read(n: int) -> int:
        return sum([r async for r in one.parallelize((i,) for i in range(n)).async_results()])

    for n in range(STREAMS):
        assert asyncio.run(asyncio.wait_for(read(n), 30)) == sum(range(n))


def test_a_stream_is_read_once() -> None:
    group = one.parallelize((i,) for i in range(10))
    assert sum(group.results) == 45
    with pytest.raises(ResultExpired):
        list(group.results)
    with pytest.raises(ResultExpired):
        group[0]
