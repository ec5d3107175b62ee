"""The worker processes that are alive, and the one place where they are slept on."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pynenc.runner.supervisor.bell import Bell
from pynenc.runner.supervisor.messages import FromWorker
from pynenc.runner.supervisor.worker_process import Phase, WorkerProcess

DEAF_SECONDS = 5.0
"""How long a process may live with its end of the socket closed."""


class Said(NamedTuple):
    """What a worker process has said."""

    process: WorkerProcess
    message: FromWorker


class Crew:
    """Worker processes by their numbers.

    :param launch: Starts the process of a number.
    :param bell: Ends a sleep, too.
    """

    def __init__(self, launch: Callable[[int], WorkerProcess], bell: Bell) -> None:
        self._launch = launch
        self._bell = bell
        self._members: dict[int, WorkerProcess] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(bell, selectors.EVENT_READ, None)
        self._last = 0

    def __iter__(self) -> Iterator[WorkerProcess]:
        return iter(list(self._members.values()))

    def __len__(self) -> int:
        return len(self._members)

    def count(self, *phases: Phase) -> int:
        """How many are in one of these phases."""
        return sum(process.phase in phases for process in self)

    def start_one(self) -> WorkerProcess:
        """Start one more.

        :raises OSError: when the system has no process, descriptor or memory left for it.
        """
        self._last += 1
        process = self._members[self._last] = self._launch(self._last)
        self._selector.register(process.watch, selectors.EVENT_READ, process)
        self._selector.register(process.channel, selectors.EVENT_READ, process)
        return process

    def sleep(self, until: float | None) -> tuple[list[Said], list[WorkerProcess]]:
        """Sleep until one of them speaks or ends, the bell rings, or it is that late.

        :returns: What was said, and who has ended; what these said last is among it.
        """
        said: list[Said] = []
        ended: list[WorkerProcess] = []
        for key, _ in self._selector.select(None if until is None else max(until - time.monotonic(), 0.0)):
            process: WorkerProcess | None = key.data
            if process is None:
                self._bell.silence()
            elif key.fileobj is process.watch:
                ended.append(process)
            else:
                said += self._listen(process)
        for process in ended:
            while heard := self._listen(process):
                said += heard
        return said, ended

    def _listen(self, process: WorkerProcess) -> list[Said]:
        if not process.listening:
            return []
        messages = process.heard()
        if messages is None:
            self._selector.unregister(process.channel)
            process.listening = False
            process.end_by(time.monotonic() + DEAF_SECONDS, "it has closed its control socket")
            return []
        return [Said(process, message) for message in messages]

    def remove(self, process: WorkerProcess) -> None:
        """Sleep on it no more."""
        del self._members[process.number]
        self._selector.unregister(process.watch)
        if process.listening:
            self._selector.unregister(process.channel)

    def close(self) -> None:
        """Give the descriptors back."""
        self._selector.close()
