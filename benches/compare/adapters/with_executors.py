"""The standard library's two pools."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from peer import PATIENCE, SLOTS, Peer, add, weigh

CHUNK = 256
"""Items that ProcessPoolExecutor.map sends at a time: its documentation asks for large ones."""


class Pool(Peer):
    """Either pool, warm; calls and futures are what they track."""

    pool: Executor

    def submit(self, a: int, b: int) -> Future[int]:
        return self.pool.submit(add, a, b)

    def fetch(self, handle: Any) -> int:
        found: int = handle.result(PATIENCE)
        return found

    def batch(self, n: int) -> int:
        return sum(self.pool.map(add, range(n), [2] * n, chunksize=CHUNK))

    def share(self, large: Any, n: int) -> int:
        return sum(future.result() for future in [self.pool.submit(weigh, large, i) for i in range(n)])

    def close(self) -> None:
        self.pool.shutdown()


class Threads(Pool):
    """Two threads: nothing is copied, and one interpreter lock."""

    def open(self) -> None:
        self.pool = ThreadPoolExecutor(SLOTS)


class Processes(Pool):
    """Two processes."""

    def open(self) -> None:
        self.pool = ProcessPoolExecutor(SLOTS)
