"""One peer in a process of its own: measures what it is told to, in the peer's environment.

``python driver.py with_huey:Threads work``: a line of JSON on standard input names a measure and its
size, the answer is a line of JSON on standard output. Without ``work`` no workers are started. All
that the peer prints goes to standard error. The end of the input ends the process.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "adapters"))

from peer import AbsentError, Peer

FIRST = 20
"""Calls of the first, smallest attempt; they also connect, import and start what the peer starts late."""
GROWTH = 10
"""How many times as many calls the next attempt makes, at most."""
FLAT = 0.75
"""An attempt that takes less than this share of what the last one lets expect has hardly grown with its calls."""
ENOUGH = 4
"""How many times as long as it is told an attempt takes that is the last one in any case."""
PATIENT = 12
"""How many times as long as it is told a measure may take so as to make the most calls it is told."""
Answer = dict[str, Any]


def sum_of(n: int) -> int:
    """What the results of ``n`` calls add up to."""
    return n * (n - 1) // 2 + 2 * n


def grown(order: Answer, take: Callable[[int], Answer]) -> Answer:
    """Take a measure with ever more calls, until one takes about as long as the order says.

    Only the last one counts. Peers differ a thousandfold, and many are slow for their first calls, so
    that no rate measured on a few calls says how many to make. Time that hardly grows with the calls
    says nothing either: it is what starting takes.
    """
    n, most, wanted = min(FIRST, int(order["most"])), int(order["most"]), float(order["seconds"])
    each, calls = None, 0
    while True:
        found = take(n)
        calls += n
        took = float(found["seconds"])
        flat = each is None or took < FLAT * each * n
        long_enough = took >= wanted * ENOUGH or (took >= wanted / 2 and not flat)
        within_reach = took * most / n <= wanted * PATIENT and n * GROWTH >= most
        if n >= most or (long_enough and not within_reach):
            return {**found, "calls": calls}
        more = GROWTH * n if flat and each else max(2 * n, min(GROWTH * n, int(n * wanted / took)))
        n, each = most if within_reach else min(most, more), took / n


def single(peer: Peer, order: Answer) -> Answer:
    """Submit one by one, each acknowledged, then fetch each."""

    def take(n: int) -> Answer:
        submitted, seconds, total = peer.one_by_one(n)
        assert total == sum_of(n)
        return {"n": n, "submit_seconds": submitted, "seconds": seconds}

    return grown(order, take)


def batch(peer: Peer, order: Answer) -> Answer:
    """Submit many with the peer's own call for it and fetch their results."""

    def take(n: int) -> Answer:
        start = perf_counter()
        total = peer.batch(n)
        seconds = perf_counter() - start
        assert total == sum_of(n)
        return {"n": n, "seconds": seconds}

    return grown(order, take)


def trips(peer: Peer, order: Answer) -> Answer:
    """Time single round trips on an idle worker."""

    def take(n: int) -> Answer:
        seconds = peer.trips(n)
        cuts = quantiles(seconds, n=100, method="inclusive")
        return {"n": n, "p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "seconds": sum(seconds)}

    return grown(order, take)


def large(kind: str, size: int, seed: int) -> Any:
    """A value of incompressible data."""
    noise = random.Random(seed).randbytes(size)
    if kind == "bytes":
        return noise
    if kind == "str":
        return noise.translate(bytes((bytes(range(32, 127)) * 3)[:256])).decode("ascii")
    import numpy as np

    return np.frombuffer(noise, dtype=np.uint8).copy()


def _hand_over(peer: Peer, value: Any, n: int) -> Answer:
    start = perf_counter()
    total = peer.share(value, n)
    seconds = perf_counter() - start
    assert total == n * len(value) + n * (n - 1) // 2
    return {"n": n, "bytes": len(value), "seconds": seconds}


KEPT: dict[str, Any] = {}
"""Values that are handed over once more."""


def shared(peer: Peer, order: Answer) -> Answer:
    """Hand one large value to many calls."""
    kind, value = order["kind"], large(order["kind"], int(order["bytes"]), seed=os.getpid())
    peer.share(large(kind, 1_000, seed=1), 4)
    found = _hand_over(peer, value, int(order["n"]))
    if found["seconds"] <= order["again"]:
        KEPT[kind] = value
    return found


def again(peer: Peer, order: Answer) -> Answer:
    """Hand the same value over once more, where the first time did not take for ever."""
    value = KEPT.pop(order["kind"], None)
    if value is None:
        raise AbsentError("not a second time: the first one took too long")
    return _hand_over(peer, value, int(order["n"]))


def backlog(peer: Peer, order: Answer) -> Answer:
    """Submit with nobody running: what one submission takes at each depth that is reached in time.

    The producer's garbage collection is frozen: what is measured is the queue, not a list of handles.
    """
    peer.fill(FIRST)
    depth, tail, left = FIRST, int(order["tail"]), float(order["seconds"])
    steps: list[Answer] = []
    for wanted in order["depths"]:
        fill = max(0, wanted - tail - depth)
        if steps and (fill + tail) * steps[-1]["seconds"] > left:
            break
        left -= peer.fill(fill) if fill else 0.0
        gc.freeze()
        took = peer.fill(tail)
        steps.append({"depth": wanted, "seconds": took / tail})
        depth, left = depth + fill + tail, left - took
    return {"steps": steps, "n": depth}


MEASURES: dict[str, Callable[[Peer, Answer], Answer]] = {
    "single": single,
    "batch": batch,
    "trips": trips,
    "shared": shared,
    "again": again,
    "backlog": backlog,
}


def ready(peer: Peer, *, work: bool) -> Answer:
    """Connect, start the workers, and see one thing answered."""
    peer.open()
    if work:
        peer.work()
        try:
            first = peer.fetch(peer.submit(1, 2))
            if first != 3:
                raise RuntimeError(f"the first call answered {first!r} and not 3")
        except AbsentError:
            assert peer.batch(FIRST) == sum_of(FIRST)
    return {"ready": True}


def attempt(step: Callable[[], Answer]) -> Answer:
    """Answer with what came, or with what went wrong."""
    try:
        return step()
    except AbsentError as absent:
        return {"absent": str(absent)}
    except BaseException as error:
        # Where it happened, without the lines of other people's sources.
        for frame in traceback.extract_tb(error.__traceback__):
            print(f"{frame.filename}:{frame.lineno} {frame.name}", file=sys.stderr)
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    """Serve measures until the input ends."""
    module, name = sys.argv[1].split(":")
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(found: Answer) -> None:
        answers.write(json.dumps(found) + "\n")

    def load() -> Answer:
        nonlocal peer
        peer = getattr(importlib.import_module(module), name)()
        return ready(peer, work="work" in sys.argv[2:])

    peer = Peer()
    try:
        answer(attempt(load))
        for line in sys.stdin:
            order = json.loads(line)
            answer(attempt(lambda order=order: MEASURES[order["measure"]](peer, order)))
    finally:
        peer.stop()
        peer.close()


if __name__ == "__main__":
    main()
