"""The app and the tasks of the sides that work over a server; ``PYNENC__REDIS_URL`` says which."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from pynenc import Pynenc

SLOTS = 2

app = Pynenc(
    app_id="bench",
    config_values={"engine": "redis", "max_threads": SLOTS, "logging_level": "error"},
)


@app.task
def noop(a: int, b: int) -> int:
    """Do next to nothing."""
    return a if b else b


@app.task
def measure(value: bytes) -> int:
    """Look at a value."""
    return len(value)


@app.task
def count_in(value: Any, extra: int) -> int:
    """Look at a value of any kind."""
    return len(value) + extra


@app.task
def process_id(seconds: float) -> int:
    """Say who runs it, slowly enough for others to have their share."""
    time.sleep(seconds)
    return os.getpid()


@app.task
def make(size: int) -> bytes:
    """Make a value that nobody has seen."""
    return os.urandom(size)


@app.task(registration_concurrency="KEYS", key_arguments=("key",))
def keyed(key: int, other: int = 0) -> int:
    """Stand alone among calls with this key that have not started."""
    return key + other


@app.task
def spin(seconds: float) -> int:
    """Keep a core busy for so long, by its own processor time."""
    end = time.thread_time() + seconds
    turns = 0
    while time.thread_time() < end:
        turns += 1
    return turns


@app.task
async def nap(seconds: float) -> None:
    """Sleep beside others."""
    await asyncio.sleep(seconds)


@app.task
def wait_long(seconds: float) -> None:
    """Occupy a slot."""
    time.sleep(seconds)
