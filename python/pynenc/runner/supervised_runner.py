"""What the runners with worker processes have in common."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cached_property
from logging import DEBUG, INFO
from threading import Event, Thread, current_thread
from typing import TYPE_CHECKING

from pynenc.exceptions import RunnerError
from pynenc.runner.background_runner import BackgroundRunner
from pynenc.runner.lost_work import LostWork

if TYPE_CHECKING:
    from types import FrameType

    from pynenc.conf.config_runner import ConfigWorkerProcesses
    from pynenc.ports import RunnerHostPort
    from pynenc.runner.supervisor.policy import Policy
    from pynenc.runner.supervisor.supervisor import Supervisor
    from pynenc.runner.supervisor.worker_process import WorkerProcess
    from pynenc.runner.worker.orders import Orders

_PROGRAM = "pynenc.runner.worker"


class SupervisedRunner(BackgroundRunner, ABC):
    """Runs bodies in worker processes, which a supervisor keeps going.

    The process that has the runner runs no body itself. Each worker process imports the application anew, and
    takes over what was assigned to its settings until the runner started.

    :param app: The application; this becomes its runner.
    """

    ordinary_level = INFO
    """How the coming and going of processes is logged that is nobody's fault."""

    def __init__(self, app: RunnerHostPort) -> None:
        super().__init__(app)
        self._supervisor: Supervisor | None = None
        self._lost_work = LostWork(self)
        self._error: BaseException | None = None

    @cached_property
    @abstractmethod
    def conf(self) -> ConfigWorkerProcesses:
        """Its settings."""

    @staticmethod
    def mem_compatible() -> bool:
        """Tell whether it can run work of an engine that lives in this process: its processes could not see it."""
        return False

    @abstractmethod
    def _policy(self) -> Policy:
        """How many processes there are to be."""

    @abstractmethod
    def _orders(self, orders: Orders) -> Orders:
        """What each process is there for, as a change of what they all are told."""

    # -- starting and stopping --------------------------------------------------------------------
    def start_background(self) -> bool:
        """Run in a thread of its own; returns when work can be taken. ``False``: it runs already.

        :raises RunnerError: when no worker process can be started.
        :raises EngineError: when the engine cannot be reached or used.
        """
        if not self._runs():
            self._meet_engine()  # not under the lock: a server may take its time
        started = Event()
        with self._lock:
            if self._runs():
                return False
            self._open()
            self._in_background = True
            self._thread = Thread(target=self._supervise_alone, args=(started,), name="pynenc-runner", daemon=True)
            self._thread.start()
        try:
            started.wait()
        except BaseException:  # Ctrl-C: whoever asked will not come to know that it runs, nor stop it
            self.stop_background()
            raise
        if self._error is not None:
            raise self._error
        return True

    def stop_runner_loop(self, signum: int | None = None, frame: FrameType | None = None) -> None:
        """Take no more work, and let :meth:`run` return when what runs has ended, or the grace period.

        A second call hands running work back at once. From any thread, and from a signal handler;
        does nothing when it does not run.
        """
        supervisor = self._supervisor
        if supervisor is not None:
            supervisor.stop()

    def dump(self) -> None:
        """Have each worker process write to the log what it runs. From any thread, and from a signal handler."""
        supervisor = self._supervisor
        if supervisor is not None:
            supervisor.dump()

    # -- running ----------------------------------------------------------------------------------
    def _run(self) -> None:
        with self._lock:
            if self._runs():
                raise RunnerError(f"{self.runner_id} runs already")
            self._open()
            self._thread = current_thread()
        self._supervise(None)

    @property
    def _is_stopping(self) -> bool:
        return self._supervisor is not None and self._supervisor.is_stopping

    def _runs(self) -> bool:
        return self._supervisor is not None

    def _open(self) -> None:
        from pynenc.runner.supervisor.supervisor import Supervisor

        if os.name != "posix":
            raise RunnerError(f"{type(self).__name__} needs a POSIX system; ThreadRunner runs anywhere")
        self._error = None
        self._has_ended.clear()
        self._lost_work = LostWork(self)
        self._supervisor = Supervisor(
            self._policy(),
            self._launcher(),
            self._lost_work,
            self.logger,
            self.conf.grace_period_seconds,
            self.ordinary_level,
        )
        self._see_to_the_end()

    def _launcher(self) -> Launcher:
        from pynenc.runner.worker.app_source import describe
        from pynenc.runner.worker.orders import Orders

        conf = self.conf
        return Launcher(
            self._orders(
                Orders(
                    source=describe(self.app),
                    parent=os.getpid(),
                    name=self.runner_id,
                    runner_cls=self.runner_cls,
                    slots=1,
                    async_slots=1,
                    grace=conf.grace_period_seconds,
                    max_tasks=conf.max_tasks_per_child,
                    max_memory=conf.max_memory_per_child,
                )
            )
        )

    def _supervise(self, started: Event | None) -> None:
        supervisor = self._supervisor
        if supervisor is None:
            raise RunnerError(f"{self.runner_id} was stopped before it started")
        # one for a ``with`` block is nobody's news
        level = INFO if started is None else DEBUG
        try:
            supervisor.run(None if started is None else started.set)
        finally:
            self._lost_work.close()
            with self._lock:
                self._supervisor = self._thread = None
                self._in_background = False
            self._has_ended.set()
            self.logger.log(level, "stopped: %s", supervisor.tally)

    def _supervise_alone(self, started: Event) -> None:
        try:
            self._supervise(started)
        except BaseException as error:
            self._error = error
            if started.is_set():  # whoever started it has gone on
                self.logger.exception("the runner ended by an error")
        finally:
            started.set()


class Launcher:
    """Starts worker processes.

    :param orders: What they are all told.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._command = [sys.executable, *_interpreter_options(), "-m", _PROGRAM, orders.source.app_id]

    def __call__(self, number: int) -> WorkerProcess:
        """Start the process of a number.

        :raises OSError: when the system has no process, descriptor or memory left for it.
        """
        from pynenc.runner.supervisor.worker_process import Papers, WorkerProcess

        orders = replace(self._orders, name=f"{self._orders.name}[{number}]")
        return WorkerProcess(number, Papers([*self._command, f"worker-{number}"], orders.pack()))


def _interpreter_options() -> list[str]:
    """How this interpreter was started (``-O``, ``-W``, ``-X``, …), for another one."""
    import subprocess

    known = getattr(
        subprocess, "_args_from_interpreter_flags", list
    )  # what multiprocessing uses, and has no other name
    options: list[str] = known()
    return options
