"""Tasks that wait for tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from workload import app, noop
from workload import fib as fib_task

Run = Callable[[], float]
ANSWERS = {12: (144, 465), 20: (6765, 21_891)}
"""n: fib(n), and how many calls it takes."""


@contextmanager
def fib(*, small: bool) -> Iterator[Run]:
    """fib(20) by waiting for fib(19) and fib(18): seconds an invocation."""
    n = 12 if small else 20
    answer, calls = ANSWERS[n]

    def run() -> float:
        start = perf_counter()
        found = fib_task(n).result
        seconds = perf_counter() - start
        assert found == answer
        return seconds / calls

    with app.running():
        yield run


@contextmanager
def flat(*, small: bool) -> Iterator[Run]:
    """As many no-ops, submitted and fetched one after the other's submission: seconds an invocation."""
    calls = ANSWERS[12 if small else 20][1]

    def run() -> float:
        start = perf_counter()
        invocations = [noop(1, 2) for _ in range(calls)]
        total = sum([invocation.result for invocation in invocations])
        seconds = perf_counter() - start
        assert total == calls
        return seconds / calls

    with app.running():
        yield run


@contextmanager
def threads(*, small: bool) -> Iterator[Run]:
    """The most threads that the process ever had at once while fib(20) ran, three times."""

    def run() -> float:
        most = 0
        for _ in range(3):
            invocation = fib_task(12 if small else 20)
            while not invocation.done():
                most = max(most, sum(1 for _ in Path("/proc/self/task").iterdir()))
                try:
                    invocation.get(timeout=0.002)
                except TimeoutError:
                    continue
        return float(most)

    with app.running():
        yield run
