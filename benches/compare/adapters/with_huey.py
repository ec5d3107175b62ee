"""huey over the server."""

from __future__ import annotations

from typing import Any

from huey import RedisHuey
from peer import PATIENCE, SLOTS, URL, Peer, pairs, script
from peer import add as plain_add
from peer import weigh as plain_weigh

# ``notify_result`` wakes the reader of a result by a blocking pop in place of polling.
huey = RedisHuey("bench", url=URL, notify_result=True)


@huey.task()
def add(a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


@huey.task()
def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class Huey(Peer):
    """The consumer that the documentation starts; health checks stay on."""

    kind = "thread"

    def work(self) -> None:
        self.spawn(script("huey_consumer"), "with_huey.huey", "-w", str(SLOTS), "-k", self.kind, "-q")

    def submit(self, a: int, b: int) -> Any:
        return add(a, b)

    def fetch(self, handle: Any) -> int:
        found: int = handle.get(blocking=True, timeout=PATIENCE)
        return found

    def batch(self, n: int) -> int:
        return sum(add.map(pairs(n)).get(blocking=True))

    def share(self, large: Any, n: int) -> int:
        return sum(handle.get(blocking=True) for handle in [weigh(large, i) for i in range(n)])


class Threads(Huey):
    """Two threads."""


class Processes(Huey):
    """Two processes."""

    kind = "process"
