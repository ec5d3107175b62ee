"""Bodies in long-lived processes, one at a time in each."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from pynenc.runner.process_a_slot_runner import ProcessASlotRunner

if TYPE_CHECKING:
    from pynenc.conf.config_runner import ConfigPersistentProcessRunner
    from pynenc.runner.supervisor.policy import Policy
    from pynenc.runner.worker.orders import Orders


class PersistentProcessRunner(ProcessASlotRunner):
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

    def _policy(self) -> Policy:
        from pynenc.runner.supervisor.policy import FixedCrew

        return FixedCrew(self.max_parallel_slots)

    def _orders(self, orders: Orders) -> Orders:
        return replace(orders, async_slots=self.conf.async_slots)
