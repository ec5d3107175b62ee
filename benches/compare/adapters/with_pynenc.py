"""This library, over the server or in memory."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import Any

from peer import FOLDER, PATIENCE, SLOTS, URL, AbsentError, Peer, pairs
from peer import add as plain_add
from peer import weigh as plain_weigh

from pynenc import Pynenc

ENGINE = os.environ.get("BENCH_ENGINE", "redis")
PLACES: dict[str, dict[str, Any]] = {
    "redis": {"engine": "redis", "redis_url": URL},
    "memory": {"engine": "memory", "max_threads": SLOTS},
    "local": {"engine": "local", "local_dir": str(FOLDER / "local")},
}
app = Pynenc(app_id="bench", config_values={**PLACES[ENGINE], "logging_level": "error"})


@app.task
def add(a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


@app.task
def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class Remote(Peer):
    """One worker process with two slots."""

    runner = "ThreadRunner"

    def work(self) -> None:
        command = [sys.executable, "-m", "pynenc", "--app", "with_pynenc:app", "runner", "start"]
        self.spawn(*command, "--runner", self.runner, "--slots", str(SLOTS))

    def submit(self, a: int, b: int) -> Any:
        return add(a, b)

    def fetch(self, handle: Any) -> int:
        found: int = handle.get(timeout=PATIENCE)
        return found

    def batch(self, n: int) -> int:
        return sum(add.parallelize(pairs(n)).results)

    def share(self, large: Any, n: int) -> int:
        items = [{"index": i} for i in range(n)]
        return sum(weigh.parallelize(items, common_args={"large": large}).results)


class Processes(Remote):
    """Two worker processes with one slot each."""

    runner = "PersistentProcessRunner"


class Local(Processes):
    """The same over the server that the library starts itself, on a Unix socket and with its append-only file."""


class Pipelined(Remote):
    """Single calls in a ``pipelined`` block: acknowledged together at its end."""

    def one_by_one(self, n: int) -> tuple[float, float, int]:
        raise AbsentError("only many")

    def trips(self, n: int) -> list[float]:
        raise AbsentError("only many")

    def fill(self, n: int) -> float:
        raise AbsentError("only many")

    def batch(self, n: int) -> int:
        with app.pipelined():
            handles = [add(a, b) for a, b in pairs(n)]
        return sum([handle.get(timeout=PATIENCE) for handle in handles])

    def share(self, large: Any, n: int) -> int:
        raise AbsentError("only small items")


class Memory(Remote):
    """The memory engine, its runner in this process."""

    def __init__(self) -> None:
        super().__init__()
        self._running = ExitStack()

    def work(self) -> None:
        self._running.enter_context(app.running())

    def stop(self) -> None:
        self._running.close()
