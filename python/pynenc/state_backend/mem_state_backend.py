"""The state backend of the memory engine."""

from __future__ import annotations

from typing import ClassVar

from pynenc.state_backend.engine_state_backend import EngineStateBackend


class MemStateBackend(EngineStateBackend):
    """What became of invocations, inside this process."""

    in_process: ClassVar[bool] = True
