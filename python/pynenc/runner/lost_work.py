"""Telling the engine at once that a worker process has died, instead of letting its lease run out."""

from __future__ import annotations

import time
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.runner.supervisor.worker_process import WorkerProcess
    from pynenc.runner.tally import Tally

_END_SECONDS = 5.0


class _Death(NamedTuple):
    """Of a process that nobody has asked to end."""

    reason: str
    bodies: list[bytes] | None


class _End(NamedTuple):
    """Of a process, and what the engine calls its worker."""

    who: str
    worker: int
    death: _Death | None


class LostWork:
    """Has the engine give the work of dead worker processes to others.

    That may take its time, and the supervisor has none: a thread does it, which starts with the first death. What it
    cannot deliver is left to the lease.

    :param runner: Whose processes they are.
    """

    def __init__(self, runner: BaseRunner) -> None:
        self._runner = runner
        self._lock = Lock()
        self._ends: SimpleQueue[_End | None] = SimpleQueue()
        self._thread: Thread | None = None

    def lost(self, process: WorkerProcess, tally: Tally, reason: str, bodies: list[bytes] | None) -> None:
        """It died: that counts against these bodies; against all that it held, where nobody knows them."""
        self._add(_End(str(process), tally.worker, _Death(reason, bodies)))

    def stopped(self, process: WorkerProcess, tally: Tally) -> None:
        """It was killed because it did not stop in time: its work goes back, counted as nothing."""
        self._add(_End(str(process), tally.worker, None))

    def _add(self, end: _End) -> None:
        if not end.worker:  # it never was known to the engine
            return
        self._ends.put(end)
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
            began = time.monotonic()
            try:
                ids = self._deliver(end)
            except Exception as error:
                self._runner.logger.warning(
                    "the engine could not be told of the end of %s (%s: %s): its lease has to run out",
                    end.who,
                    type(error).__name__,
                    error,
                )
                continue
            if ids:
                self._runner.logger.warning(
                    "%s invocations of %s went back %.3f s after its end: %s",
                    len(ids),
                    end.who,
                    time.monotonic() - began,
                    ", ".join(ids),
                )

    def _deliver(self, end: _End) -> list[str]:
        engine: Any = self._runner.app.runtime.engine
        found: list[str]
        if end.death is None:
            found = engine.worker_left(end.worker)
        else:
            found = engine.worker_died(end.worker, end.death.reason, end.death.bodies)
        return found
