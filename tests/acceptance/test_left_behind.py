"""What is left behind when an app or its runner ends: nothing."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from collections.abc import Callable

from pynenc import Pynenc

BOUND_S = 30

app = Pynenc("left-behind", config_values={"logging_level": "critical", "max_threads": 4})


def pair(a: int, b: int = 0) -> tuple[int, int]:
    return a, b


@app.task
def one(n: int) -> int:
    return n


@app.task
def deep(n: int) -> int:
    return deep(n - 1).result + 1 if n else 0


@app.task
async def deep_async(n: int) -> int:
    return await deep_async(n - 1) + 1 if n else 0


def own_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("pynenc")]


def test_leaving_the_app_leaves_no_thread() -> None:
    before = own_threads()
    with app.running():
        assert deep(20).get(timeout=BOUND_S) == 20
        assert deep_async(20).get(timeout=BOUND_S) == 20
        assert sum(one.parallelize((n,) for n in range(500)).results) == sum(range(500))
        assert len(own_threads()) > len(before)
    for thread in own_threads():
        thread.join(BOUND_S)
    assert own_threads() == before


def test_leaving_the_app_ends_its_streams() -> None:
    with app.running():
        group = one.parallelize((n,) for n in itertools.count())
        assert len(list(itertools.islice(group.results, 10))) == 10
    feeders = [thread for thread in own_threads() if "feeder" in thread.name]
    try:
        for thread in feeders:
            thread.join(BOUND_S)
        assert not [thread for thread in feeders if thread.is_alive()]
    finally:
        group.close()


def test_a_runner_starts_and_stops_500_times() -> None:
    before = own_threads()
    for n in range(500):
        with app.running():
            if n % 5 == 0:
                assert one(n).get(timeout=BOUND_S) == n
    for thread in own_threads():
        thread.join(BOUND_S)
    assert own_threads() == before
    assert app.runtime.workers == 0


def used_app(after: Callable[[Pynenc], object]) -> weakref.ref[Pynenc]:
    own = Pynenc("collected")
    task = own.task(pair)
    with own.running():
        assert task(1, 2).get(timeout=BOUND_S) == (1, 2)
        assert sorted(task.parallelize(iter([(1, 2), (3, 4)])).results) == [(1, 2), (3, 4)]
    after(own)
    return weakref.ref(own)


def test_a_purged_app_is_collected() -> None:
    found = used_app(Pynenc.purge)
    gc.collect()
    assert found() is None
