"""Keeps the worker processes of one runner going, and ends them."""

from __future__ import annotations

import time
from collections.abc import Callable
from logging import INFO
from typing import TYPE_CHECKING

from pynenc.runner.supervisor.bell import Bell
from pynenc.runner.supervisor.crew import Crew
from pynenc.runner.supervisor.deaths import Deaths
from pynenc.runner.supervisor.messages import Dump, FromWorker, HandBack, Leaves, Left, Ready, Serve, Stop, Unfit
from pynenc.runner.supervisor.worker_process import Phase, WorkerProcess

if TYPE_CHECKING:
    from pynenc.log import RunnerLogAdapter
    from pynenc.runner.supervisor.deaths import Listener
    from pynenc.runner.supervisor.policy import Policy
    from pynenc.runner.tally import Tally

END_SECONDS = 5.0
"""How long a process may take to end after it has said that it does, or beyond the time that it was given."""


class Supervisor:
    """Starts worker processes as a policy says, replaces those that die, and ends them all when it is stopped.

    It sleeps until one of them speaks or ends, or it is told something; nothing here has a period.

    :param policy: How many of them, and what for.
    :param launch: Starts the process of a number.
    :param listener: Told of deaths.
    :param logger: One line for each start, stop and death.
    :param grace: Seconds that running bodies have after a stop.
    :param level: At which the starts and ends are logged that are nobody's fault.
    """

    def __init__(
        self,
        policy: Policy,
        launch: Callable[[int], WorkerProcess],
        listener: Listener,
        logger: RunnerLogAdapter,
        grace: float,
        level: int = INFO,
    ) -> None:
        self._policy = policy
        self._logger = logger
        self._grace = grace
        self._bell = Bell()
        self._crew = Crew(launch, self._bell)
        self._deaths = Deaths(listener, logger, level)
        self._level = level
        self._short = False
        self._stops = self._stops_obeyed = 0
        self._dumps = self._dumps_obeyed = 0
        self._on_ready: Callable[[], None] | None = None

    # -- from other threads and from signal handlers ----------------------------------------------
    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stops > 0

    def stop(self) -> None:
        """Take no more work and let :meth:`run` end; the second time, hand running work back at once."""
        self._stops += 1
        self._bell.ring()

    def dump(self) -> None:
        """Have each process write to the log what it runs."""
        self._dumps += 1
        self._bell.ring()

    def wake(self) -> None:
        """Have the policy look at its processes."""
        self._bell.ring()

    @property
    def tally(self) -> Tally:
        """What those that have ended had counted."""
        return self._deaths.total

    # -- the thread that supervises ---------------------------------------------------------------
    def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Supervise until stopped, and every process has ended.

        :param on_ready: Called once, as soon as the first process can serve.
        :raises RunnerError: when the processes cannot be started at all.
        """
        self._on_ready = on_ready
        try:
            while True:
                self._obey()
                if not self._stops:
                    self._fill()
                elif not len(self._crew):
                    return
                said, ended = self._crew.sleep(self._wake_at())
                for process, message in said:
                    self._take(process, message)
                for process in ended:
                    self._bury(process)
                self._kill_overdue()
        finally:
            self._leave_nobody_behind()
            self._crew.close()
            self._bell.close()

    def _wake_at(self) -> float | None:
        times = [process.kill_at for process in self._crew if process.kill_at is not None]
        if not self._stops:
            if self._short:
                times.append(self._deaths.start_again_at)
            if (look := self._policy.look_at(self._crew, time.monotonic())) is not None:
                times.append(look)
        return min(times, default=None)

    def _fill(self) -> None:
        """Start and put to work what is missing, and let go what is too much."""
        policy, crew = self._policy, self._crew
        for process in policy.attend(crew, time.monotonic()):
            self._let_go(process)
        missing = max(policy.places(crew) - sum(policy.fills_a_place(process) for process in crew), 0)
        for process in [process for process in crew if process.phase is Phase.STANDBY][:missing]:
            process.phase = Phase.SERVING
            process.tell(Serve())
            policy.serves(process)
            missing -= 1
        on_the_way = crew.count(Phase.STARTING, Phase.STANDBY)
        more = min(missing + policy.standby(crew) - on_the_way, policy.room(crew))
        self._short = not all(self._start_one() for _ in range(more))

    def _start_one(self) -> bool:
        if time.monotonic() < self._deaths.start_again_at:
            return False
        try:
            process = self._crew.start_one()
        except OSError as error:  # no process, no descriptor or no memory left: there may be later
            self._deaths.at_start(f"a worker process cannot be started: {error}")
            return False
        self._logger.debug("%s was started", process)
        return True

    def _take(self, process: WorkerProcess, message: FromWorker) -> None:
        match message:
            case Ready():
                self._is_ready(process)
            case Unfit(reason):
                process.reason = reason
            case Leaves(reason):
                process.reason = reason
                process.phase = Phase.LEAVING
            case Left():
                process.phase = Phase.LEFT
                process.end_by(time.monotonic() + END_SECONDS, "it said that it would end, and did not")
            case _:
                self._policy.heard(process, message, self._crew)

    def _is_ready(self, process: WorkerProcess) -> None:
        process.ready_at = time.monotonic()
        if process.phase is Phase.STARTING:
            process.phase = Phase.STANDBY
        took = process.ready_at - process.started_at
        self._logger.log(self._level, "%s is ready, %.1f s after its start", process, took)
        self._deaths.someone_was_ready = True
        if self._on_ready is not None:
            self._on_ready()
            self._on_ready = None

    # -- ends -------------------------------------------------------------------------------------
    def _bury(self, process: WorkerProcess) -> None:
        self._crew.remove(process)
        self._deaths.bury(process, stopping=self._stops > 0)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for process in self._crew:
            if process.kill_at is not None and process.kill_at <= now:
                process.kill()

    def _leave_nobody_behind(self) -> None:
        for process in self._crew:
            process.kill("its runner failed")
        for process in self._crew:
            self._bury(process)

    # -- stopping ---------------------------------------------------------------------------------
    def _obey(self) -> None:
        stops, dumps = self._stops, self._dumps
        if dumps != self._dumps_obeyed:
            for process in self._crew:
                process.tell(Dump())
        if stops != self._stops_obeyed:
            self._stop_all(hand_back=stops > 1)
        self._stops_obeyed, self._dumps_obeyed = stops, dumps

    def _stop_all(self, *, hand_back: bool) -> None:
        if hand_back:
            self._logger.warning("stopping at once: what runs is handed back")
        else:
            self._logger.info("stopping: no more work is taken, and what runs has %g s to end", self._grace)
        for process in self._crew:
            self._let_go(process)
            if hand_back:
                process.tell(HandBack())
                process.end_by(time.monotonic() + END_SECONDS, "it did not hand back what it runs")

    def _let_go(self, process: WorkerProcess) -> None:
        """Have a process take no more work, and end."""
        if process.told_to_stop:
            return
        process.told_to_stop = True
        if process.phase is Phase.STARTING:
            process.kill("it is not needed any more")
            return
        grace = 0.0 if process.phase is Phase.STANDBY else self._grace
        process.tell(Stop(grace))
        process.end_by(time.monotonic() + grace + END_SECONDS, "it did not end in time")
        if process.phase is not Phase.LEFT:
            process.phase = Phase.LEAVING
