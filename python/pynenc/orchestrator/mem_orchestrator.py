"""The orchestrator of the memory engine."""

from __future__ import annotations

from typing import ClassVar

from pynenc.orchestrator.engine_orchestrator import EngineOrchestrator


class MemOrchestrator(EngineOrchestrator):
    """Calls in, statuses out, inside this process."""

    in_process: ClassVar[bool] = True
