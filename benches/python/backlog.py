"""Does a long queue make the next call dearer, and what does a queued call cost to keep?"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from workload import app, noop

Run = Callable[[], float]
ENGINE = app.runtime.engine


@contextmanager
def behind(queued: int, burst: int) -> Iterator[Run]:
    """Submit and claim a burst with so many queued before it: seconds an invocation.

    What is claimed is the head of the queue; as much is submitted to its tail, so the depth stays.
    """
    kept: list[Any] = [noop(1, 2) for _ in range(queued)]
    gc.collect()
    gc.freeze()
    worker = ENGINE.register_worker("bench")

    def run() -> float:
        start = perf_counter()
        submitted = [noop(1, 2) for _ in range(burst)]
        claims = ENGINE.claim(worker, burst)
        seconds = perf_counter() - start
        assert len(claims) == burst
        for claim in claims:
            ENGINE.start(claim)
            ENGINE.finish(claim, "success", None)
        kept.extend(submitted)
        del kept[:burst]
        ENGINE.renew(worker)
        return seconds / burst

    yield run


@contextmanager
def million(*, small: bool) -> Iterator[Run]:
    """With a million queued."""
    with behind(20_000 if small else 1_000_000, 200 if small else 2_000) as run:
        yield run


@contextmanager
def ten_thousand(*, small: bool) -> Iterator[Run]:
    """With ten thousand queued."""
    with behind(2_000 if small else 10_000, 200 if small else 2_000) as run:
        yield run


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def memory(*, small: bool) -> Iterator[Run]:
    """Bytes that a queued invocation costs, its handle included, beside its arguments.

    The arguments are the tuple that the call makes of them; the list that keeps the handles is not
    the library's.
    """
    n = 20_000 if small else 1_000_000
    arguments = (1, 2).__sizeof__() + 16

    def run() -> float:
        noop(1, 2)
        handles: list[Any] = [None] * n
        before = resident()
        for i in range(n):
            handles[i] = noop(1, 2)
        return (resident() - before) / n - arguments

    yield run
