"""Bodies in threads of this process."""

from __future__ import annotations

import os
import time
from functools import cached_property
from logging import DEBUG, INFO
from queue import Empty, SimpleQueue
from threading import Event, Thread, current_thread
from typing import TYPE_CHECKING

from pynenc._core import WorkerPool
from pynenc.arg_cache.saved import saved_text
from pynenc.context import runner_args, set_current_runner
from pynenc.engine.host_cache import join_host_cache
from pynenc.exceptions import RunnerError
from pynenc.runner.at_exit import end_at_once
from pynenc.runner.background_runner import BackgroundRunner
from pynenc.runner.tally import Tally

if TYPE_CHECKING:
    from types import FrameType

    from pynenc.conf.config_runner import ConfigThreadRunner
    from pynenc.ports import RunnerHostPort
    from pynenc.runner.async_lane import AsyncLane

_END_SECONDS = 1.0

ABANDONED = 70
"""Exit status of a process that ended under bodies that would not."""


class ThreadRunner(BackgroundRunner):
    """Runs bodies in threads: ``max_threads`` at once, or one a processor.

    A body that waits for others frees its place. ``async def`` bodies share one event loop, beside
    the places.

    :param app: The application; this becomes its runner.
    """

    def __init__(self, app: RunnerHostPort) -> None:
        super().__init__(app)
        self._pool: WorkerPool | None = None
        self._lane: AsyncLane | None = None
        self._program_ends = False
        self._threads: list[Thread] = []
        # Told by worker threads that ended and by each stop; put() is safe in a signal handler.
        self._told: SimpleQueue[None] = SimpleQueue()
        self._stops = 0
        self._deadline: float | None = None
        self._abandoned: list[str] = []

    @cached_property
    def conf(self) -> ConfigThreadRunner:
        """Its settings."""
        from pynenc.conf.config_runner import ConfigThreadRunner

        return ConfigThreadRunner(config_values=self.app.config_values, config_filepath=self.app.config_filepath)

    @staticmethod
    def mem_compatible() -> bool:
        """Tell whether it can run work of an engine that lives in this process: it can."""
        return True

    @property
    def max_parallel_slots(self) -> int:
        """How many bodies it runs at once, ``async def`` ones apart."""
        conf = self.conf
        return max(conf.min_parallel_slots, conf.min_threads, conf.max_threads or os.cpu_count() or 1)

    def set_slots(self, slots: int) -> None:
        """Run so many bodies at once, from the next start on."""
        conf = self.conf
        conf.min_parallel_slots = conf.min_threads = 1  # either would raise a lower number
        conf.max_threads = slots

    @property
    def running(self) -> list[str]:
        """Ids of the invocations whose bodies run or are paused here."""
        pool = self._pool
        return pool.running if pool is not None else []

    @property
    def _is_stopping(self) -> bool:
        return self._pool is not None and self._stops > 0

    def start_background(self) -> bool:
        """Run in a thread of its own; returns when work can be taken. ``False``: it runs already."""
        started = Event()
        with self._lock:
            if self._pool is not None or self._program_ends:  # nothing is to start under the interpreter's end
                return False
            self._open_pool()
            self._in_background = True
            thread = self._thread = Thread(target=self._run_pool, args=(started,), name="pynenc-runner", daemon=True)
        thread.start()
        started.wait()
        return True

    def stop_runner_loop(self, signum: int | None = None, frame: FrameType | None = None) -> None:
        """Take no more work, and let :meth:`run` return when what runs has ended, or the grace period.

        A second call hands running work back at once. From any thread, and from a signal handler;
        does nothing when it does not run.
        """
        pool = self._pool
        if pool is None:
            return
        self._stops += 1
        if self._stops == 1:
            self._deadline = time.monotonic() + self.conf.grace_period_seconds
            pool.stop()
        self._told.put(None)

    def dump(self) -> None:
        """Write to the log what runs, and where each body stands."""
        from pynenc.runner.stacks import describe_bodies

        pool = self._pool
        described = [] if pool is None else describe_bodies(pool, self._lane)
        self.logger.warning("%s bodies run or wait here%s", len(described), "".join(described))

    # -- running ----------------------------------------------------------------------------------
    def _run(self) -> None:
        with self._lock:
            thread = self._thread
            if thread is not None and not self._in_background:
                raise RunnerError(f"{self.runner_id} runs already")
            if thread is None:
                self._open_pool()
                self._thread = current_thread()
        if thread is None:
            self._run_pool()
        else:
            self._in_background = False  # a wait started it before run() was called: it is this call's now
            thread.join()

    def _open_pool(self) -> None:
        self._stops = 0
        self._has_ended.clear()
        self._deadline = None
        self._told = SimpleQueue()
        self._threads = []
        join_host_cache(self.app)
        self._pool = self._make_pool()
        self._see_to_the_end()

    def _make_pool(self) -> WorkerPool:
        return WorkerPool(
            self.app.runtime,
            name=self.runner_id,
            slots=self.max_parallel_slots,
            async_slots=self.conf.async_slots,
            spawn=self._spawn,
        )

    def _run_pool(self, started: Event | None = None) -> None:
        pool = self._pool
        if pool is None:
            raise RunnerError(f"{self.runner_id} was stopped before it started")
        # one that started by itself, or for a ``with`` block, is nobody's news
        level = DEBUG if started is not None else INFO
        try:
            for _ in range(self.max_parallel_slots):
                self._spawn()
            if started is not None:
                started.set()
            self.logger.log(level, "started with %s slots", self.max_parallel_slots)
            while (runs := pool.next_event()) is not None:
                if self._lane is None:
                    from pynenc.runner.async_lane import AsyncLane

                    self._lane = AsyncLane("pynenc-async")
                self._lane.start(runs)
        finally:
            pool.stop()
            self._wind_down(pool)
            with self._lock:
                self._pool = self._thread = None
                self._in_background = False
            self._has_ended.set()
            self.logger.log(level, "stopped: %s%s", Tally(*pool.counts()), saved_text(self.app, "; "))

    def _spawn(self) -> None:
        thread = Thread(target=self._work, name="pynenc-worker", daemon=True)
        self._threads = [known for known in self._threads if known.is_alive() or known.ident is None]
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        pool = self._pool
        set_current_runner(self.app.app_id, self)
        runner_args.set({"runner_id": self.runner_id, "runner_cls": self.runner_cls})
        try:
            if pool is not None:
                pool.work()
        finally:
            self._told.put(None)

    # -- stopping ---------------------------------------------------------------------------------
    def _wind_down(self, pool: WorkerPool) -> None:
        lane = self._lane
        if self._stops and pool.busy:
            self.logger.info("stopping: no more work is taken, and what runs has %g s to end", self._patience())
        if lane is not None:
            lane.drain(self._told)
        while pool.busy and self._stops < 2:
            try:
                self._told.get(timeout=self._patience())
            except Empty:
                break
        returned = self._abandoned = pool.hand_back()
        if returned:
            self.logger.warning("handed back %s running invocations: %s", len(returned), ", ".join(returned))
        if lane is not None:
            lane.close()
            self._lane = None
        # Bodies that were handed back may take their time to end, or refuse; the others have ended.
        patience = time.monotonic() + _END_SECONDS
        for thread in self._threads:
            thread.join(max(patience - time.monotonic(), 0))

    def _patience(self) -> float | None:
        """Seconds that running bodies have left; ``None`` is no limit."""
        if self._deadline is None:  # nobody has stopped it: what it works on failed
            self._deadline = time.monotonic() + self.conf.grace_period_seconds
        return max(self._deadline - time.monotonic(), 0.0)

    def _end_with_program(self) -> None:
        """Wait for what runs, and say how much is lost: what is queued lives in the memory of this process."""
        with self._lock:
            self._program_ends = True
            thread = self._thread
        if thread is not None:
            self.stop_runner_loop()
            try:
                thread.join()
            except KeyboardInterrupt:
                self.stop_runner_loop()
                thread.join()
            lost = self.app.runtime.engine.queued()
            if lost:
                self.logger.warning("%s queued invocations end with this process", lost)
        if any(worker.is_alive() for worker in self._threads):
            self.logger.error("bodies that do not end were abandoned with this process: %s", ", ".join(self._abandoned))
            end_at_once(ABANDONED)
