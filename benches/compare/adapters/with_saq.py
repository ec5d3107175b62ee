"""saq over the server."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

from peer import PATIENCE, SLOTS, URL, AsyncPeer, in_groups, script
from peer import add as plain_add
from peer import weigh as plain_weigh
from redis.asyncio import Redis
from saq.queue.redis import RedisQueue

# Pickle, since JSON takes neither bytes nor arrays.
queue = RedisQueue(Redis.from_url(URL), name="bench", dump=pickle.dumps, load=pickle.loads)
POLL = 0.001
"""Seconds between two looks at a result. Its own waiting for a notice can miss it, and then sleeps."""


async def add(_context: dict[str, Any], *, a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


async def weigh(_context: dict[str, Any], *, large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


# What the worker command reads.
settings = {"queue": queue, "functions": [add, weigh], "concurrency": SLOTS}


class Saq(AsyncPeer):
    """The worker command of the documentation: one process, two jobs at once."""

    def open(self) -> None:
        self.run(queue.connect())

    def close(self) -> None:
        self.run(queue.disconnect())

    def work(self) -> None:
        self.spawn(script("saq"), "with_saq.settings", "--quiet")

    async def asubmit(self, a: int, b: int) -> Any:
        return await queue.enqueue("add", a=a, b=b, timeout=0)

    async def afetch(self, handle: Any) -> int:
        async with asyncio.timeout(PATIENCE):
            await handle.refresh()
            while not handle.completed:
                await asyncio.sleep(POLL)
                await handle.refresh()
        if handle.status != "complete":
            raise RuntimeError(f"the job ended as {handle.status}: {handle.error}")
        found: int = handle.result
        return found

    def batch(self, n: int) -> int:
        async def measure() -> int:
            handles = await in_groups((self.asubmit(i, 2) for i in range(n)), size=32)
            return sum([await self.afetch(handle) for handle in handles])

        found: int = self.run(measure())
        return found

    def share(self, large: Any, n: int) -> int:
        async def measure() -> int:
            handles = [await queue.enqueue("weigh", large=large, index=i, timeout=0) for i in range(n)]
            return sum([await self.afetch(handle) for handle in handles])

        found: int = self.run(measure())
        return found
