"""The plots of a report."""

from __future__ import annotations

from charts import Series, bars, curves, dots
from figures import Peer, Value, at_depth, depths, growth, memory, milliseconds, rate, received, seconds, sent

KINDS = ("str", "bytes", "numpy")


def _series(rows: list[Peer], wanted: list[tuple[str, str, Value]]) -> tuple[list[str], list[Series]]:
    """The rows that have any of the values, and the values."""
    kept = [row for row in rows if any(row.figure(measure, value) for _, measure, value in wanted)]
    series = [Series(name, [row.figure(measure, value) for row in kept]) for name, measure, value in wanted]
    return [row.name for row in kept], series


def throughput(rows: list[Peer]) -> str:
    """Calls a second."""
    wanted = [("one by one", "single", rate), ("in a batch", "batch", rate)]
    return bars("Tiny calls, results fetched", "calls a second, more is better", *_series(rows, wanted))


def latency(rows: list[Peer]) -> str:
    """Round trips."""
    wanted = [(name, "trips", milliseconds(name)) for name in ("p50", "p95", "p99")]
    return dots("Round trip of one call to an idle worker", "milliseconds, less is better", *_series(rows, wanted))


def backlog(rows: list[Peer]) -> str:
    """Cost of a submission against the queue's length."""
    across = depths(rows)
    series = [Series(row.name, [row.figure("backlog", at_depth(depth)) for depth in across]) for row in rows]
    known = [one for one in series if any(one.values)]
    ours = {row.name for row in rows if row.ours}
    unit = "microseconds, less is better; the slow ones reach no long queue in the time that they have"
    return curves("One submission while nobody works", unit, across, known, ours)


def large(rows: list[Peer]) -> str:
    """Seconds of the shared argument."""
    wanted = [(kind, f"shared {kind}", seconds) for kind in KINDS]
    return bars("One 20 MB argument for 100 calls", "seconds, less is better", *_series(rows, wanted))


def wire(rows: list[Peer]) -> str:
    """Megabytes over the server."""
    through = [row for row in rows if row.place == "server"]
    wanted = [("to the server", "shared bytes", received), ("from the server", "shared bytes", sent)]
    unit = "megabytes by the server's own count, less is better"
    return bars("Bytes on the wire: 20 MB of bytes for 100 calls", unit, *_series(through, wanted))


def space(rows: list[Peer]) -> str:
    """Memory of the processes."""
    wanted = [
        ("producer and workers, after", "shared numpy", memory),
        ("growth of the workers", "shared numpy", growth),
    ]
    unit = "megabytes (PSS), less is better"
    return bars("Memory: a 20 MB array for 100 calls", unit, *_series(rows, wanted))


PLOTS = {
    "throughput": throughput,
    "latency": latency,
    "backlog": backlog,
    "large": large,
    "wire": wire,
    "memory": space,
}
