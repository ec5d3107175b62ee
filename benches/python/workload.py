"""The app and the tasks that the sides run."""

from __future__ import annotations

import threading
from typing import Any

from pynenc import Pynenc

SLOTS = 2

app = Pynenc(app_id="bench", config_values={"max_threads": SLOTS, "logging_level": "error"})
gate = threading.Event()


@app.task
def noop(a: int, b: int) -> int:
    """Do next to nothing."""
    return a if b else b


def plain(a: int, b: int) -> int:
    """Do the same, without a task."""
    return a if b else b


@app.task
def hold() -> None:
    """Occupy a slot until the gate opens."""
    gate.wait()


@app.task
def fib(n: int) -> int:
    """Wait for two calls of itself."""
    if n < 2:
        return n
    first, second = fib(n - 1), fib(n - 2)
    return first.result + second.result


def parts(arguments: dict[str, Any]) -> dict[str, Any]:
    """Share the large argument among a hundred calls."""
    return {"common_args": {"large": arguments["large"]}, "param_iter": [{"index": i} for i in range(100)]}


@app.direct_task(parallel_func=parts, aggregate_func=sum)
def measure_shared(large: Any, index: int = 0) -> int:
    """Look at the large argument."""
    return len(large) + index
