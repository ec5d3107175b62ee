"""flexiq over the server, and over its own default, SQLite."""

from __future__ import annotations

import os
from typing import Any

from flexiq import Queue
from peer import FOLDER, PATIENCE, SLOTS, URL, Peer, pairs, script
from peer import add as plain_add
from peer import weigh as plain_weigh

POLL = 0.001
"""Seconds between two looks at a result, the longest too: 0.05 growing to 0.5 is the default."""
BACKEND = os.environ.get("BENCH_FLEXIQ", "redis")

if BACKEND == "redis":
    # Its default over Redis, waking the scheduler at each enqueue, ran four calls every two seconds
    # as soon as more than one was waiting (2.1.0); polling does not.
    queue = Queue(
        backend="redis",
        db_url=URL,
        workers=SLOTS,
        push_dispatch=False,
        scheduler_poll_interval_ms=1,
        scheduler_batch_size=64,
    )
else:
    queue = Queue(db_path=str(FOLDER / "flexiq.db"), workers=SLOTS, scheduler_poll_interval_ms=1)


@queue.task()
def add(a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


@queue.task()
def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class Flexiq(Peer):
    """The worker command of the documentation: one process, two threads."""

    def work(self) -> None:
        # It logs two lines a call and has no option for that: they are not kept.
        self.spawn(script("flexiq"), "worker", "--app", "with_flexiq:queue", "--pool", "thread", quiet=True)

    def submit(self, a: int, b: int) -> Any:
        return add.delay(a, b)

    def fetch(self, handle: Any) -> int:
        found: int = handle.result(timeout=PATIENCE, poll_interval=POLL, max_poll_interval=POLL)
        return found

    def batch(self, n: int) -> int:
        return sum(self.fetch(handle) for handle in add.map(pairs(n)))

    def share(self, large: Any, n: int) -> int:
        return sum(self.fetch(handle) for handle in weigh.map([(large, i) for i in range(n)]))
