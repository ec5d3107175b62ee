"""What follows when a worker process has ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from pynenc.exceptions import RunnerError
from pynenc.runner.supervisor.back_off import BackOff
from pynenc.runner.supervisor.process_end import MemoryKills, ProcessEnd
from pynenc.runner.supervisor.worker_process import Phase
from pynenc.runner.tally import Tally

if TYPE_CHECKING:
    from pynenc.log import RunnerLogAdapter
    from pynenc.runner.supervisor.worker_process import WorkerProcess

_FREE_DEATHS = 5
_YOUNG_SECONDS = 2.0


class Listener(Protocol):
    """Who is told of ends that leave work behind. Must not block."""

    def lost(self, process: WorkerProcess, tally: Tally, reason: str, bodies: list[bytes] | None) -> None:
        """It died under what it ran: under one of these bodies, if they are known."""
        ...

    def stopped(self, process: WorkerProcess, tally: Tally) -> None:
        """It was killed because it did not stop in time; that is nobody's fault who ran there."""
        ...


class Deaths:
    """Says who died of what, and how soon the next one may be started.

    :param listener: Told of ends that leave work behind.
    :param logger: One line an end.
    :param level: At which the ends are logged that are nobody's fault.
    """

    def __init__(self, listener: Listener, logger: RunnerLogAdapter, level: int) -> None:
        self.total = Tally()
        self.someone_was_ready = False
        self.start_again_at = float("-inf")
        self._listener = listener
        self._logger = logger
        self._level = level
        self._kills = MemoryKills()
        self._back_off = BackOff(_FREE_DEATHS)

    def bury(self, process: WorkerProcess, *, stopping: bool) -> None:
        """Draw the consequences of an end.

        :param stopping: The runner stops.
        :raises RunnerError: when no process can be started.
        """
        tally = process.board.read()
        bodies = [] if process.phase is Phase.LEFT else process.board.under_way()
        self.total = self.total.plus(tally)
        if tally.forced:
            process.kill_all()  # what the body has started would run on without it
        end = process.bury(self._kills.more)
        if process.ready_at is None:
            if process.killed_for or stopping:
                self._logger.debug("%s ended while it started: %s", process, end)
            else:
                self._never_ready(process, end)
        elif process.phase is Phase.LEFT:
            self._back_off.worked()
            self._logger.log(self._level, "%s has ended%s", process, f": {process.reason}" if process.reason else "")
        elif tally.forced:
            self._logger.warning("%s has ended with a body that ran past its max_run_seconds", process)
            self._listener.stopped(process, tally)
        elif process.killed_for and process.told_to_stop:
            self._logger.warning("%s was killed: %s", process, process.killed_for)
            self._listener.stopped(process, tally)
        else:
            reason = f"killed: {process.killed_for}" if process.killed_for else str(end)
            self._logger.error("%s died: %s", process, reason)
            self._listener.lost(process, tally, reason, bodies)
            self._after_death(process, blamed=bodies != [])

    def at_start(self, what: str) -> None:
        """A process could not be started, or died while it started.

        :raises RunnerError: when that happened too often, and never succeeded.
        """
        wait = self._back_off.failed()
        if not self.someone_was_ready and self._back_off.failures >= _FREE_DEATHS:
            raise RunnerError(f"{what}; that is the end of {_FREE_DEATHS} attempts, and no worker process was ready")
        self.start_again_at = time.monotonic() + wait
        self._logger.error("%s%s", what, f"; the next is started in {wait:.1f} s" if wait else "")

    def _never_ready(self, process: WorkerProcess, end: ProcessEnd) -> None:
        if not process.reason:
            self.at_start(f"{process} died while it started: {end}")
        elif self.someone_was_ready:
            self.at_start(f"{process} cannot serve: {process.reason}")
        else:
            raise RunnerError(f"worker processes cannot serve: {process.reason}")

    def _after_death(self, process: WorkerProcess, *, blamed: bool) -> None:
        """See whether the next one has to wait.

        :param blamed: It died under bodies. Each of these is counted and soon given up, so that such deaths come to
            an end by themselves; a pause would only keep the work of others waiting.
        """
        if blamed or time.monotonic() - (process.ready_at or 0.0) >= _YOUNG_SECONDS:
            self._back_off.worked()
        else:
            self.start_again_at = time.monotonic() + self._back_off.failed()
