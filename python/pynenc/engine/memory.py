"""The memory engine, set up from the settings of an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pynenc._core import MemoryEngine

if TYPE_CHECKING:
    from pynenc.ports import AppPort


def create(app: AppPort) -> MemoryEngine:
    """Make an engine that lives in this process and ends with it."""
    conf = app.conf
    return MemoryEngine(
        lease_seconds=conf.lease_seconds,
        max_losses=conf.max_losses,
        keep_seconds=conf.keep_results_seconds,
        keep_count=conf.keep_results_count,
        keep_bytes=conf.keep_results_bytes,
    )
