"""Bodies in processes of their own."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from logging import DEBUG
from typing import TYPE_CHECKING

from pynenc.runner.process_a_slot_runner import ProcessASlotRunner

if TYPE_CHECKING:
    from pynenc.conf.config_runner import ConfigProcessRunner
    from pynenc.runner.supervisor.policy import Policy
    from pynenc.runner.worker.orders import Orders


class ProcessRunner(ProcessASlotRunner):
    """Runs each body in a process that runs nothing else, before or after; ``num_processes`` at once.

    Processes are started ahead, so that a body waits for one only when they are used up faster than they start. A
    body that waits for others frees its place: another process is started, up to ``process_limit`` in all.
    """

    ordinary_level = DEBUG

    @cached_property
    def conf(self) -> ConfigProcessRunner:
        """Its settings."""
        from pynenc.conf.config_runner import ConfigProcessRunner

        return ConfigProcessRunner(config_values=self.app.config_values, config_filepath=self.app.config_filepath)

    def _policy(self) -> Policy:
        from pynenc.runner.supervisor.single_use_crew import SingleUseCrew

        conf, slots = self.conf, self.max_parallel_slots
        standby = slots if conf.standby_processes < 0 else conf.standby_processes
        return SingleUseCrew(slots, standby, max(conf.process_limit, slots + 1))

    def _orders(self, orders: Orders) -> Orders:
        return replace(orders, single_use=True)
