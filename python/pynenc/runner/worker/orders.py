"""What a runner tells a worker process at its start."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass

from pynenc.runner.worker.app_source import AppSource


@dataclass(frozen=True)
class Orders:
    """The orders of one worker process.

    :param source: Where it finds the application.
    :param parent: Process id of the runner; it ends when that has ended.
    :param name: What it is called: its runner's id, and its number there.
    :param runner_cls: Its runner's class.
    :param slots: How many bodies it runs at once, ``async def`` ones apart.
    :param async_slots: How many of those.
    :param grace: Seconds that bodies have when it is told to stop by a signal.
    :param single_use: It runs exactly one body, none inside another's wait, and asks before that body waits.
    :param max_tasks: After so many bodies it ends; 0 is never.
    :param max_memory: When it has more bytes than that after a body, it ends; 0 is never.
    """

    source: AppSource
    parent: int
    name: str
    runner_cls: str
    slots: int
    async_slots: int
    grace: float
    single_use: bool = False
    max_tasks: int = 0
    max_memory: int = 0

    def pack(self) -> bytes:
        """The orders as bytes."""
        return pickle.dumps(self)


def read_orders(fd: int) -> Orders:
    """Read what :meth:`Orders.pack` made from a file, and close it."""
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        found: Orders = pickle.load(file)
    return found
