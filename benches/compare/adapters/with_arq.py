"""arq over the server."""

from __future__ import annotations

from typing import Any, ClassVar

from arq import create_pool
from arq.connections import RedisSettings
from peer import PATIENCE, URL, AsyncPeer, in_groups, script
from peer import add as plain_add
from peer import weigh as plain_weigh

POLL = 0.002
"""Seconds between two looks, of worker and reader; 0.5 is the default and would be all that is measured."""


async def add(_context: dict[str, Any], a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


async def weigh(_context: dict[str, Any], large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class WorkerSettings:
    """What the worker command reads. Ten jobs at once, its default: two would wait for a poll each."""

    functions: ClassVar[list[Any]] = [add, weigh]
    redis_settings = RedisSettings.from_dsn(URL)
    poll_delay = POLL
    max_jobs = 10
    log_results = False


class Arq(AsyncPeer):
    """The worker command of the documentation, quiet."""

    def open(self) -> None:
        self.pool = self.run(create_pool(RedisSettings.from_dsn(URL)))

    def close(self) -> None:
        self.run(self.pool.aclose())

    def work(self) -> None:
        self.spawn(script("arq"), "with_arq.WorkerSettings", "--custom-log-dict", "with_arq.QUIET")

    async def asubmit(self, a: int, b: int) -> Any:
        return await self.pool.enqueue_job("add", a, b)

    async def afetch(self, handle: Any) -> int:
        found: int = await handle.result(timeout=PATIENCE, poll_delay=POLL)
        return found

    def batch(self, n: int) -> int:
        async def measure() -> int:
            handles = await in_groups((self.asubmit(i, 2) for i in range(n)), size=32)
            return sum([await self.afetch(handle) for handle in handles])

        found: int = self.run(measure())
        return found

    def share(self, large: Any, n: int) -> int:
        async def measure() -> int:
            handles = [await self.pool.enqueue_job("weigh", large, i) for i in range(n)]
            return sum([await self.afetch(handle) for handle in handles])

        found: int = self.run(measure())
        return found


QUIET = {"version": 1, "disable_existing_loggers": True}
