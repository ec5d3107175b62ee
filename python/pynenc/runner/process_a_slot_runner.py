"""What the runners have in common whose processes run one body at a time."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING

from pynenc.runner.supervised_runner import SupervisedRunner

if TYPE_CHECKING:
    from pynenc.conf.config_runner import ConfigPersistentProcessRunner, ConfigProcessRunner


class ProcessASlotRunner(SupervisedRunner, ABC):
    """Has a slot for each of ``num_processes`` processes, or for each processor."""

    @cached_property
    @abstractmethod
    def conf(self) -> ConfigPersistentProcessRunner | ConfigProcessRunner:
        """Its settings."""

    @property
    def max_parallel_slots(self) -> int:
        """How many bodies it runs at once; those that wait and ``async def`` ones are not counted."""
        conf = self.conf
        return max(conf.min_parallel_slots, conf.num_processes or os.cpu_count() or 1)

    def set_slots(self, slots: int) -> None:
        """Run so many bodies at once, from the next start on."""
        self.conf.min_parallel_slots = 1  # it would raise a lower number
        self.conf.num_processes = slots
