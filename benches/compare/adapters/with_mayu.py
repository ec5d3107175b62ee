"""mayu over the server. On a Python with the interpreter lock its worker runs processes."""

from __future__ import annotations

from typing import Any

from mayu import App
from peer import PATIENCE, SLOTS, URL, Peer, script
from peer import add as plain_add
from peer import weigh as plain_weigh

# Pickle, since its default takes no arrays; on the tiny calls the two cost the same.
app = App(broker=URL, result_ttl=600, serializer="pickle")


@app.task
def add(a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


@app.task
def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class Mayu(Peer):
    """The worker command of the documentation: two processes."""

    def work(self) -> None:
        command = [script("mayu"), "worker", "with_mayu:app", "--mode", "process", "--processes", str(SLOTS)]
        self.spawn(*command, "--prefetch-multiplier", "64", "--log-level", "ERROR")

    def submit(self, a: int, b: int) -> Any:
        return add.delay(a, b)

    def fetch(self, handle: Any) -> int:
        found: int = handle.result(timeout=PATIENCE)
        return found

    def batch(self, n: int) -> int:
        # It has no call for many.
        handles = [add.delay(i, 2) for i in range(n)]
        return sum(self.fetch(handle) for handle in handles)

    def share(self, large: Any, n: int) -> int:
        handles = [weigh.delay(large, i) for i in range(n)]
        return sum(self.fetch(handle) for handle in handles)
