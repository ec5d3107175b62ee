"""A large value that takes its time to come holds up nobody but whoever needs it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pynenc import Pynenc
from tests.acceptance.conftest import Place
from tests.faults.proxy.faults import Kind
from tests.faults.proxy.proxy import Proxy

BOUND_S = 60.0
SIZE = 1 << 20

app = Pynenc("slow-fetch", config_values={"engine": "redis", "runner_cls": "ThreadRunner", "logging_level": "critical"})


class Heart:
    """How often the body on the loop went on."""

    beats = 0
    stopped = False


@app.task
def make(size: int) -> bytes:
    return os.urandom(size)


@app.task
async def beat() -> int:
    while not Heart.stopped:
        Heart.beats += 1
        await asyncio.sleep(0.001)
    return Heart.beats


@app.task
async def measure(value: bytes, ended: list[int]) -> list[int]:
    return [*ended, len(value)]


@pytest.fixture
def place(proxy: Proxy, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Bring the application behind the proxy; with settings of the test."""
    places: list[Place] = []

    def move(**settings: Any) -> None:
        usual = {"host_cache": True, "host_cache_dir": str(tmp_path), "local_cache_size": 1_024}
        made = Place({"redis_url": proxy.url, **usual, **settings})
        made.move(app)
        places.append(made)

    tmp_path.chmod(0o700)
    yield move
    proxy.heal()
    for made in places:
        made.leave()


def until(condition: Callable[[], Any]) -> Any:
    """Wait until the condition holds; its value."""
    end = time.monotonic() + BOUND_S
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


def fetches(proxy: Proxy) -> int:
    return proxy.requests[Kind.COMMAND, b"GET"]


async def one(invocation: Any) -> bytes:
    value: bytes = await invocation
    return value


async def first_of_group(group: Any) -> bytes:
    results: AsyncIterator[bytes] = group.async_results()
    return await anext(results)


def single() -> Any:
    return make(SIZE)


def group_of_one() -> Any:
    return make.parallelize([(SIZE,)])


@pytest.mark.parametrize(("call", "wait"), [(single, one), (group_of_one, first_of_group)])
def test_a_result_that_comes_slowly_leaves_the_loop_to_others(place, proxy, call, wait) -> None:
    place()

    async def main() -> None:
        called = call()
        for invocation in getattr(called, "invocations", [called]):
            until(invocation.done)
        before = fetches(proxy)
        proxy.hold_at(b"GET")
        waiting = asyncio.create_task(wait(called))
        # This is the other coroutine: were the loop held up, it would not come to see the fetch, and not to heal.
        await asyncio.to_thread(until, lambda: fetches(proxy) > before)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        proxy.heal()
        assert len(await waiting) == SIZE

    with app.running():
        asyncio.run(asyncio.wait_for(main(), BOUND_S))


def test_an_argument_that_comes_slowly_leaves_the_loop_to_others(place, proxy) -> None:
    place(host_cache=False)
    Heart.beats, Heart.stopped = 0, False
    with app.running():
        beating = beat()
        until(lambda: Heart.beats)
        proxy.hold_at(b"GET")
        measured = measure(os.urandom(SIZE), [])
        until(lambda: fetches(proxy))
        seen = Heart.beats
        until(lambda: Heart.beats > seen + 20)
        proxy.heal()
        assert measured.get(timeout=BOUND_S) == [SIZE]
        Heart.stopped = True
        assert beating.get(timeout=BOUND_S) > seen


def held_part(name: str, folder: Path) -> int:
    """Hold what another process would write the value to."""
    held = os.open(folder / f"{name}.part", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    return held


@pytest.fixture
def slow_value(place, tmp_path: Path) -> Iterator[tuple[bytes, Callable[[], None]]]:
    """A value that another process seems to fetch for this host, and what ends that."""
    place(local_cache_size=0)
    data = os.urandom(SIZE)
    with app.running():
        assert measure(data, []).get(timeout=BOUND_S) == [SIZE]
    [folder] = (tmp_path / f"pynenc-values-{os.geteuid()}").iterdir()
    [name] = [path.name for path in folder.iterdir()]
    (folder / name).unlink()
    held = [held_part(name, folder)]

    def let_go() -> None:
        (folder / f"{name}.part").unlink()
        os.close(held.pop())

    yield data, let_go
    assert not held


def test_what_waits_for_another_process_of_the_host_holds_up_no_other_call(slow_value) -> None:
    data, let_go = slow_value
    with app.running():
        slow = measure(data, [1])
        assert measure(b"", []).get(timeout=BOUND_S) == [0]
        # It still waits, and has not given up for a copy of its own.
        assert app.arg_cache.counters()["host_private"] == 0
        assert not slow.status.is_final()
        let_go()
        assert slow.get(timeout=BOUND_S) == [1, SIZE]


def test_what_has_not_come_when_the_runner_stops_goes_back_uncounted(slow_value) -> None:
    data, let_go = slow_value
    with app.running():
        slow = measure(data, [1])
        until(lambda: slow.status.name != "REGISTERED")
    let_go()
    with app.running():
        assert slow.get(timeout=BOUND_S) == [1, SIZE]
    moves = [moved.status.name for moved in slow.history]
    assert (moves.count("REROUTED"), moves[-1], slow.num_retries) == (1, "SUCCESS", 0)
