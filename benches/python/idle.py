"""What a runner costs that has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workload import app, noop


@contextmanager
def share(*, small: bool) -> Iterator[Callable[[], float]]:
    """The share of a core that an idle runner takes over a minute."""
    wait = 1.0 if small else 60.0

    def run() -> float:
        assert noop(1, 2).result == 1
        before = time.process_time()
        time.sleep(wait)
        return (time.process_time() - before) / wait

    with app.running():
        yield run
