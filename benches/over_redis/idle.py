"""What a runner with nothing to do asks of the server, and of its core."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fleet import BOUND_S, HERE, served, worker
from processes import cpu_seconds, descendants

Run = Callable[[], float]
CALL = "from workload import noop; assert noop(1, 2).get(timeout=60) == 1"


@contextmanager
def _idle(*, small: bool, commands: bool) -> Iterator[Run]:
    seconds = 3 if small else 60
    with served() as server, worker(server) as runner:
        # From a process of its own, whose connections are gone then.
        subprocess.run([sys.executable, "-c", CALL], cwd=HERE, check=True, timeout=BOUND_S)
        time.sleep(2)

        def run() -> float:
            pids = [runner.pid, *descendants(runner.pid)]
            before, spent = server.count(), cpu_seconds(pids)
            time.sleep(seconds)
            if commands:
                return (server.count() - before).calls / seconds
            return (cpu_seconds(pids) - spent) / seconds / len(pids)

        yield run


@contextmanager
def commands(*, small: bool) -> Iterator[Run]:
    """Commands a second."""
    with _idle(small=small, commands=True) as run:
        yield run


@contextmanager
def share(*, small: bool) -> Iterator[Run]:
    """The share of a core, a process."""
    with _idle(small=small, commands=False) as run:
        yield run
