"""The figures of a report: medians over the rounds, with their spread, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

Answer = dict[str, Any]
Value = Callable[[Answer], float | None]
BASE = "pynenc redis, 2 processes"
"""What the others are held against: the bars speak of two worker processes."""
MEGABYTE = 1_000_000
FEW = 3


@dataclass(frozen=True)
class Spread:
    """A median between its quartiles; of fewer than three rounds, between the lowest and the highest."""

    low: float
    middle: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """The spread of at least one value."""
        if len(values) < FEW:
            return cls(min(values), median(values), max(values), len(values))
        cuts = quantiles(values, n=4, method="inclusive")
        return cls(cuts[0], cuts[1], cuts[2], len(values))


@dataclass(frozen=True)
class Peer:
    """One row of the report."""

    name: str
    report: dict[str, Any]

    @property
    def place(self) -> str:
        """Where its calls and arguments go: memory, machine or server."""
        return str(self.report["place"])

    @property
    def tracked(self) -> bool:
        """Whether each item of a batch has a result of its own."""
        return bool(self.report["tracked"])

    @property
    def ours(self) -> bool:
        """Whether it is this library."""
        return self.name.startswith("pynenc ")

    def answers(self, measure: str) -> list[Answer]:
        """What each round found."""
        return [found[measure] for found in self.report["rounds"] if measure in found]

    def figure(self, measure: str, value: Value) -> Spread | None:
        """Over the rounds that have it; without one, ``failure`` says why."""
        values = [value(answer) for answer in self.answers(measure) if "seconds" in answer or "steps" in answer]
        known = [one for one in values if one is not None]
        return Spread.of(known) if known else None

    def passed_over(self, measure: str) -> bool:
        """Whether it was not asked, for what came before."""
        return any("passed_over" in answer for answer in self.answers(measure))

    def failure(self, measure: str) -> str:
        """Why there is no figure: empty when the peer has no such thing."""
        if "failure" in self.report:
            return str(self.report["failure"])
        return next((str(answer["error"]) for answer in self.answers(measure) if "error" in answer), "")


def peers(report: dict[str, Any]) -> list[Peer]:
    """In the order in which they were measured first."""
    return [Peer(name, known) for name, known in report["peers"].items()]


# -- what is shown ----------------------------------------------------------------------------------
def rate(answer: Answer) -> float:
    """Calls a second."""
    return float(answer["n"] / answer["seconds"])


def seconds(answer: Answer) -> float:
    """As it says."""
    return float(answer["seconds"])


def milliseconds(name: str) -> Value:
    """A percentile of the round trips."""
    return lambda answer: 1e3 * float(answer[name])


def received(answer: Answer) -> float:
    """Megabytes that the server got."""
    return float(answer["server"]["received"]) / MEGABYTE


def sent(answer: Answer) -> float:
    """Megabytes that the server sent."""
    return float(answer["server"]["sent"]) / MEGABYTE


def growth(answer: Answer) -> float:
    """Megabytes by which the workers grew."""
    return max(0.0, float(answer["worker_growth"]) / MEGABYTE)


def share_of(value: Value) -> Value:
    """Such megabytes over those of the argument."""

    def found(answer: Answer) -> float | None:
        size = value(answer)
        return None if size is None else size * MEGABYTE / float(answer["bytes"])

    return found


def memory(answer: Answer) -> float:
    """Megabytes of producer and workers after the measure."""
    return float(answer["producer_memory"] + answer["worker_memory"]) / MEGABYTE


def commands(answer: Answer) -> float:
    """Commands a call."""
    return float(answer["server"]["commands"] / answer["calls"])


def processor(answer: Answer) -> float:
    """Microseconds of processor time of producer and workers, a call."""
    return 1e6 * float((answer["producer_cpu"] + answer["worker_cpu"]) / answer["calls"])


def server_time(answer: Answer) -> float:
    """Microseconds of processor time of the server, a call."""
    return 1e6 * float(answer["server"]["cpu"] / answer["calls"])


def at_depth(depth: int) -> Value:
    """Microseconds of one submission with so many queued."""

    def found(answer: Answer) -> float | None:
        steps = {step["depth"]: float(step["seconds"]) for step in answer["steps"]}
        return 1e6 * steps[depth] if depth in steps else None

    return found


def depths(rows: list[Peer]) -> list[int]:
    """Queue lengths that any of them reached."""
    answers = [answer for row in rows for answer in row.answers("backlog") if "steps" in answer]
    return sorted({int(step["depth"]) for answer in answers for step in answer["steps"]})
