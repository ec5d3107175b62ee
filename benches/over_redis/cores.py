"""Work for every core: two worker processes beside a pool of two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from fleet import BOUND_S, fleet

Run = Callable[[], float]


@contextmanager
def cpu_fan_out(*, small: bool) -> Iterator[Run]:
    """Seconds of 200 tasks that keep a core busy for 20 ms each, by two warm worker processes."""
    n = 10 if small else 200
    with fleet("--runner", "PersistentProcessRunner", "--slots", "2"):
        from workload import spin

        def run() -> float:
            start = perf_counter()
            assert all(spin.parallelize([(0.02,)] * n).get(timeout=BOUND_S))
            return perf_counter() - start

        run()
        yield run


@contextmanager
def pool_fan_out(*, small: bool) -> Iterator[Run]:
    """Seconds of the same by a warm pool of two processes."""
    import multiprocessing

    from plain import spin

    n = 10 if small else 200
    with multiprocessing.get_context("spawn").Pool(2) as pool:

        def run() -> float:
            start = perf_counter()
            assert all(pool.map(spin, [0.02] * n, chunksize=1))
            return perf_counter() - start

        run()
        yield run
