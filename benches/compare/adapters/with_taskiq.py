"""taskiq over the server, with the list broker, the fastest of its brokers for Redis."""

from __future__ import annotations

from typing import Any

from peer import PATIENCE, SLOTS, URL, AsyncPeer, in_groups, script
from peer import add as plain_add
from peer import weigh as plain_weigh
from taskiq.serializers import PickleSerializer
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

# Pickle, since JSON takes neither bytes nor arrays.
results: RedisAsyncResultBackend[int] = RedisAsyncResultBackend(URL, keep_results=False)
broker = ListQueueBroker(URL).with_result_backend(results).with_serializer(PickleSerializer())
CHECK = 0.001
"""Seconds between two looks at a result; 0.2 is the default and would be all that is measured."""


@broker.task
async def add(a: int, b: int) -> int:
    """Do next to nothing, on the worker's loop: no thread hop."""
    return plain_add(a, b)


@broker.task
async def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class Taskiq(AsyncPeer):
    """The worker command, two processes, arguments taken as they are."""

    def open(self) -> None:
        self.run(broker.startup())

    def close(self) -> None:
        self.run(broker.shutdown())

    def work(self) -> None:
        command = [script("taskiq"), "worker", "with_taskiq:broker", "--workers", str(SLOTS), "--no-parse"]
        self.spawn(*command, "--log-level", "ERROR", "--max-prefetch", "64")

    async def asubmit(self, a: int, b: int) -> Any:
        return await add.kiq(a, b)

    async def afetch(self, handle: Any) -> int:
        outcome = await handle.wait_result(check_interval=CHECK, timeout=PATIENCE)
        found: int = outcome.return_value
        return found

    def batch(self, n: int) -> int:
        async def measure() -> int:
            handles = await in_groups(add.kiq(i, 2) for i in range(n))
            return sum([await self.afetch(handle) for handle in handles])

        found: int = self.run(measure())
        return found

    def share(self, large: Any, n: int) -> int:
        async def measure() -> int:
            handles = [await weigh.kiq(large, i) for i in range(n)]
            return sum([await self.afetch(handle) for handle in handles])

        found: int = self.run(measure())
        return found
