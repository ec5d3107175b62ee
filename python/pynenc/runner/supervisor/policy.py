"""How many worker processes a runner keeps, and what each is for: where the runners with processes differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pynenc.runner.supervisor.crew import Crew
from pynenc.runner.supervisor.messages import FromWorker
from pynenc.runner.supervisor.worker_process import Phase, WorkerProcess


class Policy(Protocol):
    """Says what the supervisor is to keep up."""

    def places(self, crew: Crew) -> int:
        """How many processes are to serve."""
        ...

    def fills_a_place(self, process: WorkerProcess) -> bool:
        """Whether a process is one of those."""
        ...

    def standby(self, crew: Crew) -> int:
        """How many more are to be ready to serve, or on the way there."""
        ...

    def serves(self, process: WorkerProcess) -> None:
        """Take note of one that begins to serve."""
        ...

    def heard(self, process: WorkerProcess, message: FromWorker, crew: Crew) -> None:
        """Take note of a message."""
        ...

    def room(self, crew: Crew) -> int:
        """How many more may be started."""
        ...

    def attend(self, crew: Crew, now: float) -> Iterable[WorkerProcess]:
        """Do what is due; those that are to leave."""
        ...

    def look_at(self, crew: Crew, now: float) -> float | None:
        """When to ask again although nothing happens."""
        ...


class FixedCrew:
    """Always the same number of processes, each as long as it lasts.

    :param number: How many.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def places(self, crew: Crew) -> int:
        """As many as ever."""
        return self._number

    def fills_a_place(self, process: WorkerProcess) -> bool:
        """One that takes no more work is replaced before it has ended."""
        return process.phase is Phase.SERVING

    def standby(self, crew: Crew) -> int:
        """None: one that dies is replaced when it dies."""
        return 0

    def serves(self, process: WorkerProcess) -> None:
        """Nothing more is asked of it."""

    def heard(self, process: WorkerProcess, message: FromWorker, crew: Crew) -> None:
        """Nothing that they say changes their number."""

    def room(self, crew: Crew) -> int:
        """Those that leave stay as long as they need, so that there may be any number."""
        return self._number

    def attend(self, crew: Crew, now: float) -> Iterable[WorkerProcess]:
        """Nothing is ever due."""
        return ()

    def look_at(self, crew: Crew, now: float) -> float | None:
        """Never."""
        return None
