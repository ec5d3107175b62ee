"""celery over the server, as broker and as result backend."""

from __future__ import annotations

from typing import Any

from celery import Celery, group
from peer import PATIENCE, SLOTS, URL, AbsentError, Peer, pairs, script
from peer import add as plain_add
from peer import weigh as plain_weigh

app = Celery("with_celery", broker=URL, backend=URL)
# No worker events and no gossip (see ``work``), and as many unacknowledged calls as keep short ones
# flowing: what its page on optimizing says of short tasks. JSON, its default, is the faster one here.
app.conf.update(
    worker_prefetch_multiplier=64,
    task_ignore_result=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_heartbeat=0,
    task_serializer="json",
    accept_content=["json", "pickle"],
    result_accept_content=["json"],
)

CHUNK = 1_000


@app.task
def add(a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


@app.task(serializer="pickle")
def weigh(large: Any, index: int) -> int:
    """Look at the large argument; pickled, since JSON takes neither bytes nor arrays."""
    return plain_weigh(large, index)


class Prefork(Peer):
    """Two processes."""

    pool = "prefork"

    def work(self) -> None:
        command = [script("celery"), "-A", "with_celery", "worker", "-c", str(SLOTS), "-P", self.pool, "-l", "error"]
        self.spawn(*command, "--without-gossip", "--without-mingle", "--without-heartbeat", C_FORCE_ROOT="1")

    def submit(self, a: int, b: int) -> Any:
        return add.delay(a, b)

    def fetch(self, handle: Any) -> int:
        found: int = handle.get(timeout=PATIENCE)
        return found

    def batch(self, n: int) -> int:
        return sum(group(add.s(a, b) for a, b in pairs(n)).apply_async().get())

    def share(self, large: Any, n: int) -> int:
        return sum(group(weigh.s(large, i) for i in range(n)).apply_async().get())


class Threads(Prefork):
    """Two threads."""

    pool = "threads"


class Chunks(Prefork):
    """``chunks``: a thousand items are one task, and no item is tracked by itself."""

    def one_by_one(self, n: int) -> tuple[float, float, int]:
        raise AbsentError("only many")

    def trips(self, n: int) -> list[float]:
        raise AbsentError("only many")

    def fill(self, n: int) -> float:
        raise AbsentError("only many")

    def batch(self, n: int) -> int:
        return sum(sum(chunk) for chunk in add.chunks(pairs(n), CHUNK).apply_async().get())

    def share(self, large: Any, n: int) -> int:
        raise AbsentError("only small items")
