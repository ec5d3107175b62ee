"""Groups that are fed from an iterator: no more ahead than need be, nothing lost, and an end in every case."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pynenc import Pynenc
from pynenc.exceptions import BackPressureError, ResultExpired
from tests.acceptance.conftest import Place
from tests.servers import Server

BOUND_S = 60
app = Pynenc("test-streams", config_values={"max_threads": 2, "logging_level": "error"})


@app.task(parallel_batch_size=5)
def same(x: Any) -> Any:
    return x


def large(n: int, filling: str) -> int:
    return n


@pytest.fixture
def running(place: Place) -> Iterator[None]:
    place.move(app)
    with app.running():
        yield


# -- reading --------------------------------------------------------------------------------------
def test_an_endless_input_is_read_only_so_far_ahead(place: Place) -> None:
    place.move(app)
    taken = []

    def items() -> Iterator[tuple[int]]:
        for n in itertools.count():
            taken.append(n)
            yield (n,)

    group = same.parallelize(items())
    while len(group) < 20:
        time.sleep(0.01)
    for _ in range(10):
        time.sleep(0.01)
        assert len(taken) <= 25  # four chunks, and one that is begun
    with app.running():
        results = list(itertools.islice(group.results, 30))
        group.close()
    assert len(set(results)) == 30
    assert len(taken) < 100_000


@pytest.mark.usefixtures("running")
def test_the_first_result_does_not_wait_for_a_whole_chunk() -> None:
    come = threading.Event()

    def items() -> Iterator[tuple[int]]:
        yield (1,)
        yield (2,)
        assert come.wait(BOUND_S)
        yield (3,)

    results = same.parallelize(items()).results
    assert next(results) == 1
    come.set()
    assert sorted(results) == [2, 3]


@pytest.mark.usefixtures("running")
def test_an_input_is_read_whether_or_not_results_are() -> None:
    group = same.parallelize((n,) for n in range(50))
    while not group.complete:
        time.sleep(0.01)
    assert len(group) == 50
    assert sorted(group.results) == list(range(50))


@pytest.mark.usefixtures("running")
def test_a_result_is_dropped_when_it_was_yielded() -> None:
    group = same.parallelize((n,) for n in range(2_000))
    first = next(group.results)
    assert first == 0
    with pytest.raises(ResultExpired):
        group[0]
    assert sum(group.results) == sum(range(2_000))
    assert (len(group), list(group)) == (2_000, [])
    with pytest.raises(ResultExpired):
        list(group.results)


@pytest.mark.usefixtures("running")
def test_what_a_stream_dropped_is_there_by_its_id_as_long_as_any_other() -> None:
    go_on = threading.Event()

    def items() -> Iterator[tuple[int]]:
        yield (7,)
        assert go_on.wait(BOUND_S)

    group = same.parallelize(items())
    while not len(group):
        time.sleep(0.01)
    identity = group[0].invocation_id
    go_on.set()
    assert list(group.results) == [7]
    assert app.get_invocation(identity).get(timeout=BOUND_S) == 7


@pytest.mark.usefixtures("running")
def test_errors_of_the_input() -> None:
    def items() -> Iterator[Any]:
        yield (1,)
        raise OSError("broke")

    with pytest.raises(OSError, match="broke"):
        same.parallelize(items()).get()
    with pytest.raises(TypeError, match="element 1 "):
        same.parallelize(iter([(1,), 2])).get()


# -- Ctrl-C ---------------------------------------------------------------------------------------
INTERRUPTED = """
import asyncio, itertools, os, signal, sys, threading, time
from pynenc import Pynenc

app = Pynenc(sys.argv[2], config_values={"runner_cls": "ThreadRunner", "max_threads": 1, "logging_level": "error"})
reading = threading.Event()


@app.task(parallel_batch_size=10)
def held(n):
    if n:
        reading.set()
        time.sleep(0.2)
    return n


def items():
    for n in itertools.count():
        yield (n,)


async def read(results):
    async for _ in results:
        pass


async def wait_for(group):
    await group


WAYS = {
    "async results": lambda group: asyncio.run(read(group.async_results())),
    "async get": lambda group: asyncio.run(wait_for(group)),
    "async get with progress": lambda group: asyncio.run(group.async_get(progress=True, timeout=60)),
    "async track": lambda group: asyncio.run(read(group.async_track())),
    "results": lambda group: list(group.results),
    "get": lambda group: group.get(),
    "get with progress": lambda group: group.get(progress=True, timeout=60),
    "track": lambda group: list(group.track()),
}


def names(frame):
    while frame:
        yield frame.f_code.co_name
        frame = frame.f_back


def interrupt():
    reading.wait(60)
    while "<lambda>" not in names(sys._current_frames()[threading.main_thread().ident]):
        time.sleep(0.01)
    time.sleep(0.1)  # until it waits
    os.kill(os.getpid(), signal.SIGINT)


with app.running():
    threading.Thread(target=interrupt).start()
    group = held.parallelize(items())
    try:
        WAYS[sys.argv[1]](group)
    except KeyboardInterrupt:
        while not group.complete:
            time.sleep(0.01)
        engine = app.runtime.engine
        while left := engine.find(None, ["running"]):
            engine.wait_final(left, 60)
        counts = engine.counts()
        print([name for name, count in counts.items() if count], sum(counts.values()) == len(group))
"""


WAYS = ["results", "get", "get with progress", "track"]


@pytest.mark.parametrize("way", [*WAYS, *(f"async {way}" for way in WAYS)])
@pytest.mark.parametrize("engine", ["memory", "redis"])
def test_ctrl_c_ends_the_input_and_calls_off_what_has_not_started(
    engine: str, way: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    settings = {"PYNENC__ENGINE": engine}
    if engine == "redis":
        settings["PYNENC__REDIS_URL"] = request.getfixturevalue("redis_url")
    done = subprocess.run(
        [sys.executable, script, way, f"interrupted-{uuid4().hex[:12]}"],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert done.stdout.splitlines() == ["['success', 'cancelled'] True"], done.stderr
    assert done.returncode == 0


# -- back-pressure --------------------------------------------------------------------------------
FILLING = "x" * 20_000


@pytest.fixture
def full(start_server: Callable[..., Server]) -> Server:
    """A server with room for a few calls only."""
    server = start_server(maxmemory_policy="noeviction")
    with server.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 1_000_000)
    return server


def over(server: Server, **settings: Any) -> Pynenc:
    values = {"engine": "redis", "redis_url": server.url, "runner_cls": "ThreadRunner", "logging_level": "error"}
    return Pynenc("full", config_values={**values, **settings})


def test_a_stream_waits_for_room_and_loses_nothing(full: Server) -> None:
    own = over(full)
    task, taken = own.task(large, disable_cache_args="*"), []

    def items() -> Iterator[tuple[int, str]]:
        for n in range(300):
            taken.append(n)
            yield (n, FILLING)

    group = task.parallelize(items())
    while not refusals(full):
        time.sleep(0.01)
    read = len(taken)
    assert not group.complete
    with full.client() as client:
        client.config_set("maxmemory", 0)
    with own.running():
        assert sorted(group.results) == list(range(300))
    assert read < 300
    assert own.runtime.engine.counts()["success"] == 300
    own.runtime.engine.close()


def refusals(server: Server) -> int:
    with server.client(decode_responses=True) as client:
        return int(client.info("errorstats").get("errorstat_OOM", {}).get("count", 0))


def test_a_stream_that_finds_no_room_says_so_after_what_it_had_submitted(full: Server) -> None:
    own = over(full, redis_retry_seconds=0.3)
    group = own.task(large, disable_cache_args="*").parallelize((n, FILLING) for n in range(300))
    while not group.complete:
        time.sleep(0.01)
    submitted = len(group)
    with own.running():
        results = group.results
        assert sorted(next(results) for _ in range(submitted)) == list(range(submitted))
        with pytest.raises(BackPressureError, match=r"out of memory and takes no new work"):
            next(results)
    own.runtime.engine.close()


def test_a_stream_that_waits_for_room_can_be_closed(full: Server) -> None:
    own = over(full)
    group = own.task(large, disable_cache_args="*").parallelize((n, FILLING) for n in itertools.count())
    while not refusals(full):
        time.sleep(0.01)
    group.close()
    while not group.complete:
        time.sleep(0.01)
    assert group.cancel() == len(group)
    own.runtime.engine.close()
