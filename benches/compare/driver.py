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

PROBE = 100
Answer = dict[str, Any]


def sum_of(n: int) -> int:
    """What the results of ``n`` calls add up to."""
    return n * (n - 1) // 2 + 2 * n


def sized(order: Answer, probe: Callable[[int], object]) -> int:
    """How many calls to measure: so many that it takes about as long as the order says.

    The probe runs twice, since the first calls of most peers connect, import and start things.
    """
    if "n" in order:
        return int(order["n"])
    probe(PROBE)
    start = perf_counter()
    probe(PROBE)
    rate = PROBE / (perf_counter() - start)
    return max(PROBE, min(int(order["most"]), int(rate * order["seconds"])))


def single(peer: Peer, order: Answer) -> Answer:
    """Submit one by one, each acknowledged, then fetch each."""
    n = sized(order, peer.one_by_one)
    submitted, seconds, total = peer.one_by_one(n)
    assert total == sum_of(n)
    return {"n": n, "submit_seconds": submitted, "seconds": seconds}


def batch(peer: Peer, order: Answer) -> Answer:
    """Submit many with the peer's own call for it and fetch their results."""
    n = sized(order, peer.batch)
    start = perf_counter()
    total = peer.batch(n)
    seconds = perf_counter() - start
    assert total == sum_of(n)
    return {"n": n, "seconds": seconds}


def trips(peer: Peer, order: Answer) -> Answer:
    """Time single round trips on an idle worker."""
    seconds = peer.trips(sized(order, peer.trips))
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {"n": len(seconds), "p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "seconds": sum(seconds)}


def large(kind: str, size: int) -> Any:
    """A value of incompressible data."""
    noise = random.Random(7).randbytes(size)
    if kind == "bytes":
        return noise
    if kind == "str":
        return noise.translate(bytes((bytes(range(32, 127)) * 3)[:256])).decode("ascii")
    import numpy as np

    return np.frombuffer(noise, dtype=np.uint8).copy()


def shared(peer: Peer, order: Answer) -> Answer:
    """Hand one large value to many calls."""
    n, value = int(order["n"]), large(order["kind"], int(order["bytes"]))
    peer.share(large(order["kind"], 1_000), 4)
    start = perf_counter()
    total = peer.share(value, n)
    seconds = perf_counter() - start
    assert total == n * len(value) + n * (n - 1) // 2
    return {"n": n, "bytes": len(value), "seconds": seconds}


def backlog(peer: Peer, order: Answer) -> Answer:
    """Submit with nobody running: what one submission takes at each depth.

    The producer's garbage collection is frozen: what is measured is the queue, not a list of handles.
    """
    peer.fill(PROBE)
    depth, tail = PROBE, int(order["tail"])
    steps = []
    for wanted in order["depths"]:
        if wanted - tail > depth:
            peer.fill(wanted - tail - depth)
        gc.freeze()
        steps.append({"depth": wanted, "seconds": peer.fill(tail) / tail})
        depth = max(wanted, depth + tail)
    return {"steps": steps, "n": depth}


MEASURES: dict[str, Callable[[Peer, Answer], Answer]] = {
    "single": single,
    "batch": batch,
    "trips": trips,
    "shared": shared,
    "backlog": backlog,
}


def ready(peer: Peer, *, work: bool) -> Answer:
    """Connect, start the workers, and see one thing answered."""
    peer.open()
    if work:
        peer.work()
        try:
            assert peer.fetch(peer.submit(1, 2)) == 3
        except AbsentError:
            assert peer.batch(PROBE) == sum_of(PROBE)
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
