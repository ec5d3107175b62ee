"""Bodies in the threads of several processes, as many as there is work for."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from threading import Lock, Thread
from typing import TYPE_CHECKING

from pynenc.runner.supervised_runner import SupervisedRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from pynenc.conf.config_runner import ConfigMultiThreadRunner
    from pynenc.runner.supervisor.policy import Policy
    from pynenc.runner.worker.orders import Orders


class MultiThreadRunner(SupervisedRunner):
    """Runs bodies in ``min_processes`` to ``max_processes`` processes of ``max_threads`` slots each.

    Processes are added while every slot is taken and work waits; those beyond the least end when they have had
    nothing to run for ``idle_timeout_process_sec``. With ``enforce_max_processes`` there are always the most.
    """

    @cached_property
    def conf(self) -> ConfigMultiThreadRunner:
        """Its settings."""
        from pynenc.conf.config_runner import ConfigMultiThreadRunner

        return ConfigMultiThreadRunner(config_values=self.app.config_values, config_filepath=self.app.config_filepath)

    @property
    def max_parallel_slots(self) -> int:
        """How many bodies it runs at once with all its processes, ``async def`` ones apart."""
        return max(self.conf.min_parallel_slots, self._most * self._threads)

    @property
    def _threads(self) -> int:
        conf = self.conf
        return max(conf.min_threads, conf.max_threads or os.cpu_count() or 1)

    @property
    def _most(self) -> int:
        conf = self.conf
        most = max(conf.min_processes, conf.max_processes or os.cpu_count() or 1)
        return max(most, -(-conf.min_parallel_slots // self._threads))

    def set_slots(self, slots: int) -> None:
        """Run about so many bodies at once: as many processes as that takes."""
        conf = self.conf
        conf.min_parallel_slots = 1
        if slots < self._threads:
            conf.min_threads, conf.max_threads = 1, slots
        conf.max_processes = -(-slots // self._threads)
        conf.min_processes = min(conf.min_processes, conf.max_processes)

    def _policy(self) -> Policy:
        from pynenc.runner.supervisor.policy import FixedCrew
        from pynenc.runner.supervisor.scaled_crew import ScaledCrew

        conf = self.conf
        if conf.enforce_max_processes:
            return FixedCrew(self._most)
        queue = _Queue(self.app.runtime.engine.queued, self._wake)
        return ScaledCrew(conf.min_processes, self._most, self._threads, conf.idle_timeout_process_sec, queue)

    def _wake(self) -> None:
        supervisor = self._supervisor
        if supervisor is not None:
            supervisor.wake()

    def _orders(self, orders: Orders) -> Orders:
        return replace(orders, slots=self._threads, async_slots=self.conf.async_slots)


class _Queue:
    """Asks the engine how much waits, on a thread of its own each time: the supervisor must not wait for a server.

    :param queued: Asks it.
    :param answered: Called when there is an answer.
    """

    def __init__(self, queued: Callable[[], int], answered: Callable[[], None]) -> None:
        self._queued = queued
        self._answered = answered
        self._lock = Lock()
        self._asking = False
        self._answer: int | None = None

    def ask(self) -> None:
        """Begin to find out, unless somebody is at it."""
        with self._lock:
            if self._asking:
                return
            self._asking = True
        Thread(target=self._find_out, name="pynenc-queue-length", daemon=True).start()

    def answer(self) -> int | None:
        """What was found out, once; ``None`` until then."""
        with self._lock:
            found, self._answer = self._answer, None
        return found

    def _find_out(self) -> None:
        try:
            found = self._queued()
        except Exception:  # an engine that cannot be reached has no work to give either
            found = 0
        with self._lock:
            self._answer, self._asking = found, False
        self._answered()
