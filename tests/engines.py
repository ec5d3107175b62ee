"""The engines under test: every test of the port runs once on each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pynenc._core import ManualClock, MemoryEngine
from pynenc.ports import EnginePort


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds an engine; tests set what they are about."""

    lease_seconds: float = 15.0
    max_losses: int = 3
    keep_seconds: float = 86_400.0
    keep_count: int = 100_000
    keep_bytes: int = 268_435_456
    wait_links: int = 1_000

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class TestedEngine(EnginePort, Protocol):
    """The port, and the check that every engine brings along."""

    __test__ = False  # no test class, whatever its name says

    def doctor(self) -> list[str]:
        """Violated invariants, a line each."""
        ...


Make = Callable[[ManualClock, Limits], TestedEngine]
"""A new and empty engine that goes by the clock."""


def _make_memory(clock: ManualClock, limits: Limits) -> TestedEngine:
    return MemoryEngine(clock=clock, **limits.as_dict())


ENGINES: Mapping[str, Make] = {"memory": _make_memory}
