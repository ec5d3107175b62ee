"""What a long queue, and many other keys, make of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from fleet import served

Run = Callable[[], float]


@contextmanager
def _behind(depth: int, *, small: bool) -> Iterator[Run]:
    """Seconds to submit, claim and finish one, with so many queued; as many come as go."""
    burst = 100 if small else 2_000
    with served():
        from workload import app, noop

        for start in range(0, depth, 50_000):
            noop.parallelize([(i, 1) for i in range(start, min(depth, start + 50_000))])
        engine = app.runtime.engine
        known = engine.register_worker("bench")

        def run() -> float:
            begin = perf_counter()
            noop.parallelize([(i, 2) for i in range(burst)])
            claims = engine.claim(known, burst)
            for claim in claims:
                engine.start(claim)
                engine.finish(claim, "success", None)
            seconds = perf_counter() - begin
            assert claims
            engine.renew(known)
            return seconds / len(claims)

        yield run


@contextmanager
def million(*, small: bool) -> Iterator[Run]:
    """With a million queued."""
    with _behind(20_000 if small else 1_000_000, small=small) as run:
        yield run


@contextmanager
def ten_thousand(*, small: bool) -> Iterator[Run]:
    """With ten thousand queued."""
    with _behind(2_000 if small else 10_000, small=small) as run:
        yield run


@contextmanager
def plain_submission(*, small: bool) -> Iterator[Run]:
    """Seconds a call that no rule concerns."""
    n = 100 if small else 2_000
    with served():
        from workload import noop

        def run() -> float:
            start = perf_counter()
            for i in range(n):
                noop(i, 2)
            return (perf_counter() - start) / n

        yield run


@contextmanager
def reused_submission(*, small: bool) -> Iterator[Run]:
    """Seconds a call that a registered one answers for, with 10,000 other keys pending."""
    n, keys = (100, 1_000) if small else (2_000, 10_000)
    with served():
        from workload import keyed

        keyed.parallelize([(i,) for i in range(keys)])

        def run() -> float:
            start = perf_counter()
            for i in range(n):
                keyed(i % 100)
            return (perf_counter() - start) / n

        yield run


@contextmanager
def memory(*, small: bool) -> Iterator[Run]:
    """Bytes of the server a queued invocation, beyond its arguments."""
    n = 2_000 if small else 100_000
    with served() as server:
        from workload import noop

        noop(1, 2)

        def run() -> float:
            before = server.count().memory
            noop.parallelize([(i, 2) for i in range(n)])
            return (server.count().memory - before) / n

        yield run
