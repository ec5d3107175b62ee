"""No-op tasks over a server: one by one, in batches, there and back; and what they cost the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import quantiles
from time import perf_counter

import redis
from fleet import BOUND_S, fleet, served

Run = Callable[[], float]


def count(small: bool) -> int:
    """How many items a round has."""
    return 200 if small else 10_000


def singly(n: int) -> None:
    """Submit one by one, each acknowledged; fetch every result."""
    from workload import noop

    invocations = [noop(i, 2) for i in range(n)]
    assert sum(invocation.get(timeout=BOUND_S) for invocation in invocations) == n * (n - 1) // 2


def in_batches(n: int) -> None:
    """Submit by one map; fetch every result."""
    from workload import noop

    assert sum(noop.parallelize([(i, 2) for i in range(n)]).get(timeout=BOUND_S)) == n * (n - 1) // 2


@contextmanager
def timed(work: Callable[[int], None], *, small: bool) -> Iterator[Run]:
    """Seconds an item."""
    n = count(small)

    def run() -> float:
        start = perf_counter()
        work(n)
        return (perf_counter() - start) / n

    with fleet():
        yield run


@contextmanager
def singly_seconds(*, small: bool) -> Iterator[Run]:
    """Time the calls one by one."""
    with timed(singly, small=small) as run:
        yield run


@contextmanager
def batch_seconds(*, small: bool) -> Iterator[Run]:
    """Time the map."""
    with timed(in_batches, small=small) as run:
        yield run


@contextmanager
def _cost(work: Callable[[int], None], field: str, *, small: bool) -> Iterator[Run]:
    n = count(small)
    with fleet() as server:

        def run() -> float:
            before = server.count()
            work(n)
            spent = server.count() - before
            return float(getattr(spent, field)) / n

        work(n)
        yield run


@contextmanager
def singly_commands(*, small: bool) -> Iterator[Run]:
    """Commands of clients a task, one by one."""
    with _cost(singly, "calls", small=small) as run:
        yield run


@contextmanager
def batch_commands(*, small: bool) -> Iterator[Run]:
    """Commands of clients a task, in a map."""
    with _cost(in_batches, "calls", small=small) as run:
        yield run


@contextmanager
def batch_processor(*, small: bool) -> Iterator[Run]:
    """Microseconds of the server's processor a task, in a map."""
    with _cost(in_batches, "cpu", small=small) as run:
        yield lambda: run() * 1e6


def _percentile(trip: Callable[[], object], n: int, place: int) -> float:
    times = []
    for _ in range(n):
        start = perf_counter()
        trip()
        times.append(perf_counter() - start)
    return quantiles(times, n=100)[place - 1]


@contextmanager
def _round_trip(place: int, *, small: bool) -> Iterator[Run]:
    with fleet():
        from workload import noop

        yield lambda: _percentile(lambda: noop(1, 2).get(timeout=BOUND_S), 100 if small else 2_000, place)


@contextmanager
def round_trip_p50(*, small: bool) -> Iterator[Run]:
    """Median of one call and its result, on an idle worker."""
    with _round_trip(50, small=small) as run:
        yield run


@contextmanager
def round_trip_p99(*, small: bool) -> Iterator[Run]:
    """The slowest hundredth of the same."""
    with _round_trip(99, small=small) as run:
        yield run


@contextmanager
def _ping_pong(place: int, *, small: bool) -> Iterator[Run]:
    import subprocess
    import sys
    from pathlib import Path

    with served() as server:
        peer = subprocess.Popen([sys.executable, str(Path(__file__).with_name("pong.py")), server.url])
        client = redis.Redis.from_url(server.url)

        def trip() -> None:
            client.rpush("ping", b"x")
            assert client.blpop(["pong"], timeout=int(BOUND_S))

        try:
            trip()
            yield lambda: _percentile(trip, 100 if small else 2_000, place)
        finally:
            peer.kill()
            peer.wait()
            client.close()


@contextmanager
def ping_pong_p50(*, small: bool) -> Iterator[Run]:
    """Median of a push and a blocking pop between two processes."""
    with _ping_pong(50, small=small) as run:
        yield run


@contextmanager
def ping_pong_p99(*, small: bool) -> Iterator[Run]:
    """The slowest hundredth of the same."""
    with _ping_pong(99, small=small) as run:
        yield run
