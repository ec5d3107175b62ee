"""What runs the bodies in a worker process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

from pynenc._core import WorkerPool
from pynenc.arg_cache.saved import saved_text
from pynenc.runner.supervisor.exit_watch import open_descriptor
from pynenc.runner.thread_runner import ThreadRunner

if TYPE_CHECKING:
    from pynenc.conf.config_runner import ConfigThreadRunner
    from pynenc.ports import RunnerHostPort
    from pynenc.runner.supervisor.scoreboard import Scoreboard
    from pynenc.runner.worker.orders import Orders


class WorkerRunner(ThreadRunner):
    """A runner of threads that does what its orders say.

    It may stop by itself, after so many bodies or so much memory; what runs then has as long as it needs, until
    somebody stops the process.

    :param app: The application; this becomes its runner.
    :param orders: From the runner that has started the process.
    :param board: Where to count.
    :param tell: Called with a word of the pool's: see ``WorkerPool``.
    :param leaves: Called with the reason when it stops by itself.
    :param ended: Called when it holds nothing any more.
    """

    def __init__(
        self,
        app: RunnerHostPort,
        orders: Orders,
        board: Scoreboard,
        tell: Callable[[str], None],
        leaves: Callable[[str], None],
        ended: Callable[[], None],
    ) -> None:
        super().__init__(app)
        self._orders = orders
        self._board = board
        self._tell = tell
        self._leaves = leaves
        self._ended = ended
        self._employer = open_descriptor(orders.parent)
        self._ends_with_program = True  # the process ends after its runner, and never under it

    @cached_property
    def conf(self) -> ConfigThreadRunner:
        """Its settings, as ordered."""
        from pynenc.conf.config_runner import ConfigThreadRunner

        conf = ConfigThreadRunner()
        conf.async_slots = self._orders.async_slots
        conf.grace_period_seconds = self._orders.grace
        return conf

    @property
    def runner_id(self) -> str:
        """That of the runner which has started the process, and the number there."""
        return self._orders.name

    @property
    def runner_cls(self) -> str:
        """The class that the user has chosen."""
        return self._orders.runner_cls

    @property
    def max_parallel_slots(self) -> int:
        """How many bodies it runs at once, ``async def`` ones apart."""
        return self._orders.slots

    @property
    def abandoned(self) -> bool:
        """Whether bodies that were handed back have not ended."""
        return any(thread.is_alive() for thread in self._threads)

    def watch_load(self) -> None:
        """Tell the next time that all slots are taken, or now."""
        pool = self._pool
        if pool is not None:
            pool.watch_load()

    def stop_within(self, grace: float) -> None:
        """Take no more work, and hand back in so many seconds what has not ended by then."""
        self.conf.grace_period_seconds = grace
        self.stop_runner_loop()

    def hand_back(self) -> None:
        """Hand back what runs, at once."""
        if not self._stops:
            self.stop_within(0.0)
        self.stop_runner_loop()

    def _make_pool(self) -> WorkerPool:
        orders = self._orders
        return WorkerPool(
            self.app.runtime,
            name=self.runner_id,
            slots=orders.slots,
            async_slots=orders.async_slots,
            spawn=self._spawn,
            board=self._board.page,
            duty={
                "single_use": orders.single_use,
                "max_tasks": orders.max_tasks,
                "max_memory": orders.max_memory,
                "tell": self._tell,
                "employer": self._employer,
            },
        )

    def _run_pool(self, started: Event | None = None) -> None:
        try:
            super()._run_pool(started)
        finally:
            if not self._orders.single_use and (saved := saved_text(self.app)):
                self.logger.info("worker process %d: %s", os.getpid(), saved)
            self._ended()

    def _wind_down(self, pool: WorkerPool) -> None:
        if not self._stops:
            self._leaves(pool.reason or "it can take no more work")
        super()._wind_down(pool)

    def _patience(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)
