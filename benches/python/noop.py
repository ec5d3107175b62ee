"""No-op tasks beside a thread pool and a bare pair of events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from time import perf_counter

from workload import SLOTS, app, gate, hold, noop, plain

Run = Callable[[], float]


def count(small: bool) -> int:
    """How many items a round has."""
    return 500 if small else 20_000


@contextmanager
def pynenc_end_to_end(*, small: bool) -> Iterator[Run]:
    """Submit, run, and fetch every result: seconds an item."""
    n = count(small)

    def run() -> float:
        start = perf_counter()
        invocations = [noop(i, 2) for i in range(n)]
        total = sum([invocation.result for invocation in invocations])
        seconds = perf_counter() - start
        assert total == n * (n - 1) // 2
        return seconds / n

    with app.running():
        yield run


@contextmanager
def pool_end_to_end(*, small: bool) -> Iterator[Run]:
    """Do the same with an executor."""
    n = count(small)

    with ThreadPoolExecutor(SLOTS) as pool:

        def run() -> float:
            start = perf_counter()
            futures = [pool.submit(plain, i, 2) for i in range(n)]
            total = sum([future.result() for future in futures])
            seconds = perf_counter() - start
            assert total == n * (n - 1) // 2
            return seconds / n

        yield run


@contextmanager
def pynenc_submit(*, small: bool) -> Iterator[Run]:
    """Only submit, with every slot occupied: seconds a call."""
    n = count(small)

    def run() -> float:
        gate.clear()
        holders = [hold() for _ in range(SLOTS)]
        while any(holder.status != "running" for holder in holders):
            threading.Event().wait(0.001)
        start = perf_counter()
        invocations = [noop(1, 2) for _ in range(n)]
        seconds = perf_counter() - start
        gate.set()
        assert all(invocation.result == 1 for invocation in invocations)
        return seconds / n

    with app.running():
        yield run


@contextmanager
def pool_submit(*, small: bool) -> Iterator[Run]:
    """Do the same with an executor."""
    n = count(small)

    with ThreadPoolExecutor(SLOTS) as pool:

        def run() -> float:
            gate.clear()
            holders = [pool.submit(gate.wait) for _ in range(SLOTS)]
            while not all(holder.running() for holder in holders):
                threading.Event().wait(0.001)
            start = perf_counter()
            futures = [pool.submit(plain, 1, 2) for _ in range(n)]
            seconds = perf_counter() - start
            gate.set()
            assert all(future.result() == 1 for future in futures)
            return seconds / n

        yield run


def trips(small: bool, trip: Callable[[], object]) -> float:
    """The median of single trips."""
    seconds = []
    for _ in range(50 if small else 1_000):
        start = perf_counter()
        trip()
        seconds.append(perf_counter() - start)
    return median(seconds)


@contextmanager
def pynenc_round_trip(*, small: bool) -> Iterator[Run]:
    """One call and its result at a time, on an idle runner: the median."""
    with app.running():
        yield lambda: trips(small, lambda: noop(1, 2).result)


@contextmanager
def event_ping_pong(*, small: bool) -> Iterator[Run]:
    """Wake another thread and be woken by it."""
    ping, pong, over = threading.Event(), threading.Event(), threading.Event()

    def answer() -> None:
        while True:
            ping.wait()
            ping.clear()
            if over.is_set():
                return
            pong.set()

    def trip() -> None:
        ping.set()
        pong.wait()
        pong.clear()

    other = threading.Thread(target=answer)
    other.start()
    yield lambda: trips(small, trip)
    over.set()
    ping.set()
    other.join()


@contextmanager
def pynenc_parallelize(*, small: bool) -> Iterator[Run]:
    """Map over a hundred thousand tiny items, each its own invocation: seconds an item."""
    n = 1_000 if small else 100_000
    items = [(i, 2) for i in range(n)]

    def run() -> float:
        start = perf_counter()
        total = sum(noop.parallelize(items).results)
        seconds = perf_counter() - start
        assert total == n * (n - 1) // 2
        return seconds / n

    with app.running():
        yield run
