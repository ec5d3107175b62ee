"""As many processes as there is work for, between two bounds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pynenc.runner.supervisor.crew import Crew
from pynenc.runner.supervisor.messages import FromWorker, Loaded, WatchLoad
from pynenc.runner.supervisor.worker_process import Phase, WorkerProcess

_AGAIN_SECONDS = 0.25
"""How soon those whose slots were all taken are asked again."""


class QueueLength(Protocol):
    """Tells how much work waits, without making the asker wait for that."""

    def ask(self) -> None:
        """Begin to find out."""
        ...

    def answer(self) -> int | None:
        """What was found out, once; ``None`` until then."""
        ...


class ScaledCrew:
    """Adds processes while every slot is taken and work waits; lets those go that have had nothing to run.

    A process says once when all its slots are taken. Only then is the engine asked how much waits, and the process
    asked to say it again: so nobody asks anybody anything while there is no load.

    :param least: How many there always are.
    :param most: How many there may be.
    :param slots: Of each.
    :param idle_seconds: How long one beyond the least may have nothing to run.
    :param queue: Tells how much work waits.
    """

    def __init__(self, least: int, most: int, slots: int, idle_seconds: float, queue: QueueLength) -> None:
        self._least = least
        self._most = max(least, most)
        self._slots = slots
        self._idle_seconds = idle_seconds
        self._queue = queue
        self._wanted = least
        # Those that have said that their slots are all taken, and were not asked again.
        self._loaded: set[int] = set()
        self._asking = False
        self._ask_again_at: float | None = None
        # How many bodies each had started, and since when it has had none that was unfinished.
        self._idle_since: dict[int, tuple[int, float]] = {}

    def places(self, crew: Crew) -> int:
        """As many as there was work for."""
        return self._wanted

    def fills_a_place(self, process: WorkerProcess) -> bool:
        """One that takes no more work is replaced before it has ended."""
        return process.phase is Phase.SERVING

    def standby(self, crew: Crew) -> int:
        """None."""
        return 0

    def room(self, crew: Crew) -> int:
        """Those that leave stay as long as they need, so that there may be more than the most."""
        return self._most

    def serves(self, process: WorkerProcess) -> None:
        """Have it say when all its slots are taken."""
        process.tell(WatchLoad())

    def heard(self, process: WorkerProcess, message: FromWorker, crew: Crew) -> None:
        """Ask how much waits when somebody has no slot left."""
        if isinstance(message, Loaded):
            self._loaded.add(process.number)
            if self._wanted < self._most:
                self._asking = True
                self._queue.ask()

    def attend(self, crew: Crew, now: float) -> Iterable[WorkerProcess]:
        """Grow if work waits; else those that have been idle for long are to leave."""
        waiting = self._queue.answer()
        if waiting is not None:
            self._asking = False
            self._grow(waiting, crew)
        serving = [process for process in crew if process.phase is Phase.SERVING]
        if self._ask_again_at is not None and now >= self._ask_again_at:
            self._ask_again_at = None
            self._ask_again(serving)
        leaving = self._idle_ones(serving, now)
        may_grow = self._loaded and self._wanted < self._most and not self._asking
        if may_grow and self._ask_again_at is None:
            self._ask_again_at = now + _AGAIN_SECONDS
        return leaving

    def _ask_again(self, serving: Iterable[WorkerProcess]) -> None:
        for process in serving:
            if process.number in self._loaded:
                process.tell(WatchLoad())
        self._loaded.clear()

    def _grow(self, waiting: int, crew: Crew) -> None:
        coming = crew.count(Phase.STARTING, Phase.STANDBY) * self._slots
        missing = -(-max(waiting - coming, 0) // self._slots)
        self._wanted = min(self._wanted + missing, self._most)

    def _idle_ones(self, serving: list[WorkerProcess], now: float) -> list[WorkerProcess]:
        before, self._idle_since = self._idle_since, {}
        if len(serving) <= self._least:
            return []
        idle: list[WorkerProcess] = []
        for process in reversed(serving):  # the youngest first
            tally = process.board.read()
            if tally.unfinished:
                continue
            started, since = before.get(process.number, (-1, now))
            since = since if started == tally.started else now
            self._idle_since[process.number] = tally.started, since
            if now >= since + self._idle_seconds and len(serving) - len(idle) > self._least:
                process.reason = f"it had nothing to run for {self._idle_seconds:g} s"
                idle.append(process)
        self._wanted -= len(idle)
        return idle

    def look_at(self, crew: Crew, now: float) -> float | None:
        """When somebody may have been idle for long enough, or is asked again for its load."""
        times = [] if self._ask_again_at is None else [self._ask_again_at]
        if crew.count(Phase.SERVING) > self._least:
            times.append(min((since for _, since in self._idle_since.values()), default=now) + self._idle_seconds)
        return min(times, default=None)
