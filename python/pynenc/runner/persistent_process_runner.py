"""Bodies in long-lived processes, one at a time in each."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from pynenc.runner.supervised_runner import SupervisedRunner

if TYPE_CHECKING:
    from pynenc.conf.config_runner import ConfigPersistentProcessRunner
    from pynenc.runner.supervisor.policy import Policy
    from pynenc.runner.worker.orders import Orders


class PersistentProcessRunner(SupervisedRunner):
    """Runs bodies in ``num_processes`` processes of one slot each, or one a processor.

    A body that waits for others frees its place, as in ``ThreadRunner``. ``async def`` bodies share one event loop a
    process, beside the slot.
    """

    @cached_property
    def conf(self) -> ConfigPersistentProcessRunner:
        """Its settings."""
        from pynenc.conf.config_runner import ConfigPersistentProcessRunner

        return ConfigPersistentProcessRunner(
            config_values=self.app.config_values, config_filepath=self.app.config_filepath
        )

    @property
    def max_parallel_slots(self) -> int:
        """How many bodies it runs at once, ``async def`` ones apart."""
        conf = self.conf
        return max(conf.min_parallel_slots, conf.num_processes or os.cpu_count() or 1)

    def set_slots(self, slots: int) -> None:
        """Run so many bodies at once: as many processes."""
        self.conf.min_parallel_slots = 1
        self.conf.num_processes = slots

    def _policy(self) -> Policy:
        from pynenc.runner.supervisor.policy import FixedCrew

        return FixedCrew(self.max_parallel_slots)

    def _orders(self, orders: Orders) -> Orders:
        return replace(orders, async_slots=self.conf.async_slots)
