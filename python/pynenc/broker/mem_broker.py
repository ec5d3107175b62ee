"""The broker of the memory engine."""

from __future__ import annotations

from typing import ClassVar

from pynenc.broker.engine_broker import EngineBroker


class MemBroker(EngineBroker):
    """The queue inside this process."""

    in_process: ClassVar[bool] = True


MemTaskBroker = MemBroker
