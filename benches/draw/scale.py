"""Logarithmic axes: peers differ a thousandfold."""

from __future__ import annotations

import math
from dataclasses import dataclass

THOUSAND = 1_000.0


@dataclass(frozen=True)
class Log:
    """Values from ``low`` to ``high`` on pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies; what is off the scale lies on its edge."""
        inside = min(max(value, self.low), self.high)
        share = (math.log10(inside) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return self.start + share * (self.end - self.start)

    def marks(self) -> list[float]:
        """The powers of ten on it."""
        return [10.0**power for power in range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)]


def over(values: list[float], start: float, end: float) -> Log:
    """A scale of whole powers of ten that holds all of these."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    return Log(10.0**low, 10.0 ** max(high, low + 1), start, end)


def short(value: float) -> str:
    """A number as people write it: three figures, thousands as k and M."""
    for size, letter in ((THOUSAND**2, "M"), (THOUSAND, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
