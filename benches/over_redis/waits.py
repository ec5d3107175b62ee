"""Many who wait, many who sleep, and how soon work is done again whose worker was killed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fleet import BOUND_S, fleet, served, worker

Run = Callable[[], float]
LEASE_S = 5.0


@contextmanager
def naps(*, small: bool) -> Iterator[Run]:
    """Seconds from the last submission until 1,000 naps of one second are over, on one runner."""
    n = 50 if small else 1_000
    with fleet():
        from workload import nap

        def run() -> float:
            calls = nap.parallelize([(1.0,)] * n)
            start = time.perf_counter()
            calls.get(timeout=BOUND_S)
            return time.perf_counter() - start

        yield run


@contextmanager
def waiters(*, small: bool) -> Iterator[Run]:
    """How many of 1,000 that wait for one invocation each, all at once, were not woken."""
    n = 50 if small else 1_000
    with fleet():
        from workload import noop

        async def wait_for_all() -> float:
            calls = noop.parallelize([(i, 2) for i in range(n)]).invocations
            told = await asyncio.wait_for(asyncio.gather(*(call.async_result() for call in calls)), BOUND_S)
            return float(n - len(told))

        yield lambda: asyncio.run(wait_for_all())


@contextmanager
def recovery(*, small: bool) -> Iterator[Run]:
    """Leases from the kill of a runner until another one has done its work."""
    del small
    os.environ["PYNENC__LEASE_SECONDS"] = str(LEASE_S)  # of the runners too
    with served() as server:
        from workload import wait_long

        def run() -> float:
            with worker(server) as killed:
                call = wait_long(0.5)
                while call.status != "running":
                    time.sleep(0.01)
                killed.kill()
                killed.wait()
                start = time.perf_counter()
                with worker(server):
                    call.get(timeout=BOUND_S)
                    return (time.perf_counter() - start) / LEASE_S

        yield run
