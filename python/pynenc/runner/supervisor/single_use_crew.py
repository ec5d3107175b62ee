"""A process for each body."""

from __future__ import annotations

from collections.abc import Iterable

from pynenc.runner.supervisor.crew import Crew
from pynenc.runner.supervisor.messages import FromWorker, GoesOn, MayWait, Waits
from pynenc.runner.supervisor.worker_process import Phase, WorkerProcess

_AT_WORK = {Phase.SERVING, Phase.LEAVING}


class SingleUseCrew:
    """So many processes that run, or are about to, a body each; whoever waits for others does not count.

    :param slots: How many of them.
    :param standby: How many more are started ahead.
    :param limit: How many processes there may be, those that wait included.
    """

    def __init__(self, slots: int, standby: int, limit: int) -> None:
        self._slots = slots
        self._standby = standby
        self._limit = limit

    def places(self, crew: Crew) -> int:
        """One a slot."""
        return self._slots

    def fills_a_place(self, process: WorkerProcess) -> bool:
        """One whose body waits leaves its place to another; one that is about to end keeps it to the end."""
        return process.phase in _AT_WORK and not process.waits

    def standby(self, crew: Crew) -> int:
        """As many as ever, so that the next body need not wait for a process to start."""
        return self._standby

    def room(self, crew: Crew) -> int:
        """Up to the limit."""
        return self._limit - len(crew)

    def serves(self, process: WorkerProcess) -> None:
        """Nothing more is asked of it."""

    def heard(self, process: WorkerProcess, message: FromWorker, crew: Crew) -> None:
        """Take note of waits, and refuse the one after which nobody would run."""
        if isinstance(message, GoesOn):
            process.waits = False
        elif isinstance(message, Waits):
            process.waits = True
            alone = not any(self._can_run(other) for other in crew) and self.room(crew) <= 0
            if alone:
                process.waits = False
            process.tell(MayWait(self._refusal() if alone else ""))

    def _can_run(self, process: WorkerProcess) -> bool:
        return process.phase in {Phase.STARTING, Phase.STANDBY} or self.fills_a_place(process)

    def _refusal(self) -> str:
        return (
            f"all {self._limit} processes that ProcessRunner may have would wait, and nobody would be left to run "
            "what they wait for: raise process_limit, nest less deeply, or use PersistentProcessRunner"
        )

    def attend(self, crew: Crew, now: float) -> Iterable[WorkerProcess]:
        """Nothing is ever due."""
        return ()

    def look_at(self, crew: Crew, now: float) -> float | None:
        """Never."""
        return None
