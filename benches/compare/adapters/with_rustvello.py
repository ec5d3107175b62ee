"""rustvello over the server. It takes JSON only."""

from __future__ import annotations

import sys
from typing import Any

from peer import PATIENCE, SLOTS, URL, Peer
from peer import add as plain_add
from peer import weigh as plain_weigh
from rustvello import App

app = App("bench", backend="redis", redis_url=URL, import_path="with_rustvello:app")
POLL = 0.001
"""Seconds between two looks, of worker and reader; 0.05 is the default and would be all that is measured."""


@app.task
def add(a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


@app.task
def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class Rustvello(Peer):
    """The worker command of the documentation: one process, two slots, no triggers."""

    def work(self) -> None:
        command = [sys.executable, "-m", "rustvello.worker", "with_rustvello:app", "--workers", str(SLOTS)]
        self.spawn(*command, "--idle-sleep-ms", str(int(POLL * 1_000)), "--no-triggers", "--loglevel", "error")

    def submit(self, a: int, b: int) -> Any:
        return add(a, b)

    def fetch(self, handle: Any) -> int:
        found: int = handle.result(timeout=PATIENCE, poll_interval=POLL)
        return found

    def batch(self, n: int) -> int:
        handles = [add(i, 2) for i in range(n)]
        return sum(app.wait_results(handles, timeout=PATIENCE, poll_interval=POLL))

    def share(self, large: Any, n: int) -> int:
        handles = [weigh(large, i) for i in range(n)]
        return sum(app.wait_results(handles, timeout=PATIENCE, poll_interval=POLL))
