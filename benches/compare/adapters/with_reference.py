"""The reference: the public index's release of the library whose API ours follows, with its Redis plug-in."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from peer import SLOTS, URL, AbsentError, Peer, pairs, script
from peer import add as plain_add
from peer import weigh as plain_weigh

from pynenc import PynencBuilder

ENGINE = os.environ.get("BENCH_ENGINE", "redis")
SLEEP = 0.001
"""Seconds of its loops' sleeps; 0.1 or 0.01 is the default and would be all that is measured."""
builder = PynencBuilder().app_id("bench").logging_level("critical")
builder = builder.redis(url=URL) if ENGINE == "redis" else builder.memory()
app = (
    builder.thread_runner(min_threads=SLOTS, max_threads=SLOTS)
    .runner_tuning(SLEEP, SLEEP)
    .custom_config(
        serializer_cls="PickleSerializer", cached_status_time=SLEEP, print_arguments=False, queue_timeout_sec=SLEEP
    )
    .build()
)


@app.task
def add(a: int, b: int) -> int:
    """Do next to nothing."""
    return plain_add(a, b)


@app.task
def weigh(large: Any, index: int) -> int:
    """Look at the large argument."""
    return plain_weigh(large, index)


class Reference(Peer):
    """A thread runner of two slots, started by its command line, or in this process over memory."""

    def work(self) -> None:
        if ENGINE == "redis":
            self.spawn(script("pynenc"), "--app", "with_reference", "runner", "start")
        else:
            threading.Thread(target=app.runner.run, daemon=True).start()

    def stop(self) -> None:
        if ENGINE != "redis":
            app.runner.stop_runner_loop()
        super().stop()

    def submit(self, a: int, b: int) -> Any:
        return add(a, b)

    def fetch(self, handle: Any) -> int:
        found: int = handle.result
        return found

    def batch(self, n: int) -> int:
        return sum(add.parallelize(pairs(n)).results)

    def share(self, large: Any, n: int) -> int:
        if not hasattr(weigh, "parallelize"):
            raise AbsentError("no parallelize")
        items = [{"large": large, "index": i} for i in range(n)]
        return sum(weigh.parallelize(items).results)


if sys.argv[0].endswith("driver.py"):
    import warnings

    # A runner outside the main thread warns that it installs no signal handlers.
    warnings.simplefilter("ignore")
