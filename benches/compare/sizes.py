"""How much of everything is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

KINDS = ("str", "bytes", "numpy")
SINGLE = 20_000
"""The most calls that are made one by one."""
CALLS = 100
"""Calls that share the large argument."""


@dataclass(frozen=True)
class Size:
    """How much of everything one visit measures."""

    seconds: float
    """About how long a measure of throughput takes."""
    most: int
    """The most calls of one."""
    trips: int
    """The most round trips."""
    large: int
    """Bytes of the large argument."""
    again: float
    """Seconds up to which the large argument is handed over a second time."""
    depths: tuple[int, ...]
    """Queue lengths at which a submission is timed."""
    filling: float
    """Seconds to reach them in."""
    tail: int
    """Submissions timed at each."""
    limit: float
    """Seconds after which a measure is given up."""
    late: int
    """Measures that may be given up before a peer is handed no large argument any more."""
    slow: float
    """Seconds from which large arguments and backlogs are measured in one round only."""
    far: float
    """Seconds from which the large argument is not tried in its other kinds: that peer is far from the fastest."""


FULL = Size(3.0, 100_000, 1_000, 20 << 20, 5.0, (1_000, 10_000, 100_000), 60.0, 500, 60.0, 2, 60.0, 60.0)
SHORT = Size(0.5, 100_000, 500, 20 << 20, 1.5, (500, 5_000, 50_000), 1.5, 200, 20.0, 1, 3.0, 10.0)
SMOKE = Size(0.05, 200, 50, 100_000, 1.0, (200, 400), 1.0, 50, 10.0, 2, 10.0, 10.0)


@dataclass(frozen=True)
class Order:
    """One measure: its name, what the driver is told, and the seconds after which it is given up."""

    name: str
    content: dict[str, Any]
    limit: float

    @property
    def large(self) -> bool:
        """Whether it hands over a large argument."""
        return "kind" in self.content


def orders(size: Size, *, work: bool, wanted: frozenset[str]) -> list[Order]:
    """The measures of a visit, in turn: the backlog is measured with nobody working."""
    found: dict[str, dict[str, Any]] = {}
    if work:
        found["single"] = {"measure": "single", "seconds": size.seconds, "most": min(size.most, SINGLE)}
        found["trips"] = {"measure": "trips", "seconds": size.seconds, "most": size.trips}
        found["batch"] = {"measure": "batch", "seconds": size.seconds, "most": size.most}
        for kind in KINDS:
            order = {"measure": "shared", "kind": kind, "bytes": size.large, "n": CALLS, "again": size.again}
            found[f"shared {kind}"] = order
            found[f"again {kind}"] = {"measure": "again", "kind": kind, "n": CALLS}
    else:
        found["backlog"] = {
            "measure": "backlog",
            "depths": size.depths,
            "tail": size.tail,
            "seconds": size.filling,
        }
    return [
        Order(name, content, size.limit)
        for name, content in found.items()
        if not wanted or wanted & {name, name.split()[0], content["measure"].replace("again", "shared")}
    ]
