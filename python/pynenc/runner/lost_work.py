"""Telling the engine at once that a worker process has died, instead of letting its lease run out."""

from __future__ import annotations

import time
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.runner.supervisor.worker_process import WorkerProcess
    from pynenc.runner.tally import Tally

_END_SECONDS = 5.0


class LostWork:
    """Has the engine give the work of dead worker processes to others.

    That may take its time, and the supervisor has none: a thread does it, which starts with the first death. What it
    cannot deliver is left to the lease.

    :param runner: Whose processes they are.
    """

    def __init__(self, runner: BaseRunner) -> None:
        self._runner = runner
        self._lock = Lock()
        self._ends: SimpleQueue[tuple[str, int, str | None] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def lost(self, process: WorkerProcess, tally: Tally, reason: str) -> None:
        """It died under what it ran: that counts against those invocations."""
        self._add(str(process), tally, reason)

    def stopped(self, process: WorkerProcess, tally: Tally) -> None:
        """It was killed because it did not stop in time: its work goes back, counted as nothing."""
        self._add(str(process), tally, None)

    def _add(self, who: str, tally: Tally, reason: str | None) -> None:
        if not tally.worker:  # it never was known to the engine
            return
        self._ends.put((who, tally.worker, reason))
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._deliver_all, name="pynenc-lost-work", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Deliver what is left, as far as the engine answers soon."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._ends.put(None)
            thread.join(_END_SECONDS)

    def _deliver_all(self) -> None:
        while (end := self._ends.get()) is not None:
            who, worker, reason = end
            began = time.monotonic()
            try:
                ids = self._deliver(worker, reason)
            except Exception as error:
                self._runner.logger.warning(
                    "the engine could not be told of the end of %s (%s: %s): its lease has to run out",
                    who,
                    type(error).__name__,
                    error,
                )
                continue
            if ids:
                self._runner.logger.warning(
                    "%s invocations of %s went back %.3f s after its end: %s",
                    len(ids),
                    who,
                    time.monotonic() - began,
                    ", ".join(ids),
                )

    def _deliver(self, worker: int, reason: str | None) -> list[str]:
        engine: Any = self._runner.app.runtime.engine
        found: list[str] = engine.worker_left(worker) if reason is None else engine.worker_died(worker, reason)
        return found
