"""The same function without a task, for pools whose processes import it."""

from __future__ import annotations

import time


def spin(seconds: float) -> int:
    """Keep a core busy for so long, by its own processor time."""
    end = time.thread_time() + seconds
    turns = 0
    while time.thread_time() < end:
        turns += 1
    return turns
