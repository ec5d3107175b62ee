"""Two sides measured in turn, so that the machine's moods hit both alike."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent


def served(side: str, *, small: bool) -> list[str]:
    """The command of a side named ``module:function``."""
    return [sys.executable, str(HERE / "side.py"), side, *(["small"] if small else [])]


class Side:
    """A process that runs a round when told to."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=HERE
        )
        self._expect("ready")

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"a side ended with {self._process.wait()}: {' '.join(self._command)}")
        return line

    def _expect(self, word: str) -> None:
        line = self._line()
        if line != word:
            raise SystemExit(f"a side said {line!r} instead of {word!r}: {' '.join(self._command)}")

    def round(self) -> float:
        """Run one round; its figure."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


@dataclass(frozen=True)
class Result:
    """What a measure found: ratios round by round, and the bar that they are held against."""

    name: str
    bar: str
    limit: float
    at: Literal["least", "most"]
    ratios: list[float]
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median, upper quartile of the ratios."""
        if len(self.ratios) < 2:
            return (self.ratios[0],) * 3
        low, middle, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, middle, high

    @property
    def met(self) -> bool:
        """Whether the better quartile is within the bar."""
        low, _, high = self.quartiles
        return high >= self.limit if self.at == "least" else low <= self.limit

    def line(self) -> str:
        """One line for a person."""
        low, middle, high = self.quartiles
        verdict = "met" if self.met else "MISSED"
        bound = f"{'>=' if self.at == 'least' else '<='} {self.limit:g}"
        return f"{self.name:28} {middle:9.3f} [{low:.3f}, {high:.3f}]  {bound:10} {verdict:7} {self.note}"


@dataclass(frozen=True)
class Pair:
    """A bar on the ratio of two sides' figures.

    :param at: ``most``: ours / theirs stays below the limit; ``least``: theirs / ours, the
        ratio of rates, reaches it.
    """

    name: str
    bar: str
    limit: float
    at: Literal["least", "most"]
    ours: str | Sequence[str]
    theirs: str | Sequence[str]
    unit: str = "us"
    warm_up: int = 2

    def take(self, rounds: int, *, small: bool) -> Result:
        """Run the rounds in turn, each side first every other time."""
        sides = [
            Side(served(side, small=small) if isinstance(side, str) else side) for side in (self.ours, self.theirs)
        ]
        figures: tuple[list[float], list[float]] = ([], [])
        for number in range(-min(self.warm_up, rounds), rounds):
            for which in (0, 1) if number % 2 else (1, 0):
                figure = sides[which].round()
                if number >= 0:
                    figures[which].append(figure)
        for side in sides:
            side.close()
        ours, theirs = figures
        ratios = [b / a if self.at == "least" else a / b for a, b in zip(ours, theirs, strict=True)]
        scale = {"us": 1e6, "ms": 1e3, "s": 1.0}[self.unit]
        note = f"{statistics.median(ours) * scale:.2f} {self.unit} against {statistics.median(theirs) * scale:.2f}"
        return Result(self.name, self.bar, self.limit, self.at, ratios, ours, theirs, note)


@dataclass(frozen=True)
class Single:
    """A bar on one side's own figure."""

    name: str
    bar: str
    limit: float
    at: Literal["least", "most"]
    side: str
    rounds: int = 1
    note: str = ""

    def take(self, rounds: int, *, small: bool) -> Result:
        """Run the rounds."""
        side = Side(served(self.side, small=small))
        figures = [side.round() for _ in range(min(self.rounds, rounds))]
        side.close()
        return Result(self.name, self.bar, self.limit, self.at, figures, figures, [], self.note)
