"""Values that are seen once, by size: what a call with one costs, and what it costs the server.

``python benches/over_redis/unique.py`` prints a table; the values are random, so nothing is sent twice.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.append(str(Path(__file__).parent.parent / "python"))

from conditions import refuse_unfit
from fleet import BOUND_S, fleet
from server import Server

SIZES = (100, 1_024, 4_096, 16_384, 65_536, 262_144)
ROUNDS = 5
BYTES = 64 << 20
"""What one round moves at most."""


def count(size: int) -> int:
    """How many calls a round has."""
    return max(100, min(4_000, BYTES // size))


def argument_singly(values: list[bytes]) -> None:
    """Submit one by one; the results are numbers."""
    from workload import measure

    invocations = [measure(value) for value in values]
    assert all(invocation.get(timeout=BOUND_S) == len(values[0]) for invocation in invocations)


def argument_in_batches(values: list[bytes]) -> None:
    """Submit by one map; the results are numbers."""
    from workload import measure

    assert sum(measure.parallelize([(value,) for value in values]).get(timeout=BOUND_S)) == len(values[0]) * len(values)


def result_in_batches(values: list[bytes]) -> None:
    """Submit by one map; the arguments are numbers."""
    from workload import make

    sizes = [(len(values[0]),)] * len(values)
    assert all(len(value) == len(values[0]) for value in make.parallelize(sizes).results)


def row(server: Server, work: Callable[[list[bytes]], None], size: int) -> str:
    """Medians over the rounds: calls a second, and what each call asked of the server."""
    rates, commands, received, sent, cpu = [], [], [], [], []
    for _ in range(ROUNDS):
        values = [os.urandom(size) for _ in range(count(size))]
        before, start = server.count(), perf_counter()
        work(values)
        rates.append(len(values) / (perf_counter() - start))
        spent = server.count() - before
        commands.append(spent.commands / len(values))
        received.append(spent.received / len(values))
        sent.append(spent.sent / len(values))
        cpu.append(spent.cpu / len(values) * 1e6)
    told = (median(rates), median(commands), median(received), median(sent), median(cpu))
    return "{:>8,.0f} calls/s {:>6.2f} commands {:>9,.0f} B in {:>9,.0f} B out {:>6.0f} us of the server".format(*told)


def main() -> None:
    """Print the table."""
    refuse_unfit(anyway="--anyway" in sys.argv)
    with fleet() as server:
        for work in (argument_singly, argument_in_batches, result_in_batches):
            for size in SIZES:
                print(f"{work.__name__:20} {size:>8,} B {row(server, work, size)}", flush=True)


if __name__ == "__main__":
    main()
