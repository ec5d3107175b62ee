"""ardiq over the server."""

from __future__ import annotations

import pickle
from typing import Any

from ardiq import Ardiq
from peer import PATIENCE, SLOTS, URL, AsyncPeer, pairs, script
from peer import add as plain_add
from peer import weigh as plain_weigh

# Pickle, since its default takes no arrays.
app = Ardiq(redis_url=URL, queue_name="bench", serializer=pickle.dumps, deserializer=pickle.loads)


@app.task()
async def add(a: int, b: int) -> int:
    """Do next to nothing, on the worker's loop: no thread hop."""
    return plain_add(a, b)


@app.task()
async def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class ArdiqPeer(AsyncPeer):
    """The worker command, two processes."""

    def work(self) -> None:
        self.spawn(script("ardiq"), "run", "with_ardiq:app", "--workers", str(SLOTS), "--quiet", quiet=True)

    async def asubmit(self, a: int, b: int) -> Any:
        return await add.enqueue(a, b)

    async def afetch(self, handle: Any) -> int:
        outcome = await handle.result(timeout=PATIENCE)
        found: int = outcome.value
        return found

    def batch(self, n: int) -> int:
        async def measure() -> int:
            jobs = await app.enqueue_many(add.prepare(a, b) for a, b in pairs(n))
            return sum([await self.afetch(job) for job in jobs])

        found: int = self.run(measure())
        return found

    def share(self, large: Any, n: int) -> int:
        async def measure() -> int:
            jobs = [await weigh.enqueue(large, i) for i in range(n)]
            return sum([await self.afetch(job) for job in jobs])

        found: int = self.run(measure())
        return found
