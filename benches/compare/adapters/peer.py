"""What every peer is asked to do, and the helpers that start its workers.

This file and the adapters run in the peer's own environment: they use the standard library, the
peer, and numpy. An adapter is also what the peer's worker imports to find the tasks, so it reads
where the server is from the environment.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

HERE = Path(__file__).parent
URL = os.environ.get("BENCH_URL", "redis://127.0.0.1:6379/0")
FOLDER = Path(os.environ.get("BENCH_FOLDER", "."))
"""A private folder of this run, for peers that keep files."""
SLOTS = 2
"""How many bodies run at once: one worker with two slots, or two processes with one each."""
PATIENCE = 60.0
"""Seconds that a result may take. Whoever runs the driver sets the real limit."""


class AbsentError(Exception):
    """The peer has no such thing, which is a finding and not a failure."""


def add(a: int, b: int) -> int:
    """Do next to nothing, and show that the arguments arrived."""
    return a + b


def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return len(large) + index


class Peer:
    """One library, in one configuration: a producer in this process, workers beside it."""

    def __init__(self) -> None:
        self._workers: list[subprocess.Popen[bytes]] = []

    # -- what an adapter says ---------------------------------------------------------------------
    def open(self) -> None:
        """Connect the producer."""

    def work(self) -> None:
        """Start the workers."""

    def close(self) -> None:
        """Disconnect the producer."""

    def submit(self, a: int, b: int) -> Any:
        """Submit one call; back when it is acknowledged."""
        raise AbsentError("cannot submit")

    def fetch(self, handle: Any) -> int:
        """Wait for the result of one call."""
        raise AbsentError("cannot fetch")

    def batch(self, n: int) -> int:
        """Submit and fetch many with the call that the peer has for it; the sum of the results."""
        raise AbsentError("no call for many")

    def share(self, large: Any, n: int) -> int:
        """Hand one large argument to many calls; the sum of the results."""
        raise AbsentError("not measured")

    # -- what is measured -------------------------------------------------------------------------
    def one_by_one(self, n: int) -> tuple[float, float, int]:
        """Submit each call by itself, then fetch each: seconds to submit, seconds in all, the sum."""
        start = perf_counter()
        handles = [self.submit(i, 2) for i in range(n)]
        submitted = perf_counter() - start
        total = sum([self.fetch(handle) for handle in handles])
        return submitted, perf_counter() - start, total

    def trips(self, n: int) -> list[float]:
        """One call and its result at a time, on an idle worker: seconds of each."""
        seconds = []
        for i in range(n):
            start = perf_counter()
            found = self.fetch(self.submit(i, 2))
            seconds.append(perf_counter() - start)
            assert found == i + 2
        return seconds

    def fill(self, n: int) -> float:
        """Submit so many that nobody runs: seconds."""
        start = perf_counter()
        kept = [self.submit(i, 2) for i in range(n)]
        seconds = perf_counter() - start
        assert len(kept) == n
        return seconds

    # -- workers ----------------------------------------------------------------------------------
    def spawn(self, *command: str, quiet: bool = False, **environment: str) -> None:
        """Start a worker process. What it prints goes where this process's errors go, or nowhere."""
        path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._workers.append(
            subprocess.Popen(
                command,
                cwd=HERE,
                env={**os.environ, "PYTHONPATH": path, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if quiet else sys.stderr,
                stderr=subprocess.DEVNULL if quiet else sys.stderr,
            )
        )

    def stop(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self._workers:
            try:
                worker.wait(timeout=5)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self._workers.clear()


def script(name: str) -> str:
    """A command that the peer installed beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


class AsyncPeer(Peer):
    """A peer whose producer is a coroutine: whole measures run inside one loop."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.Runner()

    def run(self, work: Awaitable[Any]) -> Any:
        """Wait for a coroutine of the adapter."""

        async def whole() -> Any:
            return await work

        return self._loop.run(whole())

    async def asubmit(self, a: int, b: int) -> Any:
        """Submit one call; back when it is acknowledged."""
        raise AbsentError("cannot submit")

    async def afetch(self, handle: Any) -> int:
        """Wait for the result of one call."""
        raise AbsentError("cannot fetch")

    def submit(self, a: int, b: int) -> Any:
        return self.run(self.asubmit(a, b))

    def fetch(self, handle: Any) -> int:
        found: int = self.run(self.afetch(handle))
        return found

    def one_by_one(self, n: int) -> tuple[float, float, int]:
        async def measure() -> tuple[float, float, int]:
            start = perf_counter()
            handles = [await self.asubmit(i, 2) for i in range(n)]
            submitted = perf_counter() - start
            total = sum([await self.afetch(handle) for handle in handles])
            return submitted, perf_counter() - start, total

        found: tuple[float, float, int] = self.run(measure())
        return found

    def trips(self, n: int) -> list[float]:
        async def measure() -> list[float]:
            seconds = []
            for i in range(n):
                start = perf_counter()
                found = await self.afetch(await self.asubmit(i, 2))
                seconds.append(perf_counter() - start)
                assert found == i + 2
            return seconds

        found: list[float] = self.run(measure())
        return found

    def fill(self, n: int) -> float:
        async def measure() -> float:
            start = perf_counter()
            kept = [await self.asubmit(i, 2) for i in range(n)]
            seconds = perf_counter() - start
            assert len(kept) == n
            return seconds

        found: float = self.run(measure())
        return found


async def in_groups(calls: Iterable[Awaitable[Any]], size: int = 256) -> list[Any]:
    """Wait for many coroutines, so many at once: for peers that have no call for many."""
    found: list[Any] = []
    group: list[Awaitable[Any]] = []
    for call in calls:
        group.append(call)
        if len(group) == size:
            found += await asyncio.gather(*group)
            group.clear()
    return found + await asyncio.gather(*group)


def pairs(n: int) -> Sequence[tuple[int, int]]:
    """The arguments of the many calls."""
    return [(i, 2) for i in range(n)]
