"""One visit to one peer: a fresh server, fresh workers, and every measure once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from driven import Driven, LateError
from peers import Peer
from server import Server, serving

Answer = dict[str, Any]
KINDS = ("str", "bytes", "numpy")


@dataclass(frozen=True)
class Size:
    """How much of everything a visit measures."""

    seconds: float
    """About how long a measure of throughput takes."""
    most: int
    """The most calls of one."""
    trips: int
    """The most round trips."""
    large: int
    """Bytes of the large argument."""
    depths: tuple[int, ...]
    """Queue lengths at which a submission is timed."""
    tail: int
    """Submissions timed at each."""
    limit: float
    """Seconds after which a measure is given up."""


FULL = Size(3.0, 100_000, 1_000, 20 << 20, (1_000, 10_000, 100_000), 500, 60.0)
SHORT = Size(1.0, 20_000, 300, 20 << 20, (1_000, 5_000), 200, 25.0)
SMOKE = Size(0.05, 200, 100, 100_000, (200, 400), 50, 20.0)


def orders(size: Size, *, work: bool, wanted: tuple[str, ...]) -> list[tuple[str, Answer]]:
    """The measures of a visit, in turn: the backlog is measured with nobody working."""
    found: list[tuple[str, Answer]]
    if work:
        found = [
            ("single", {"measure": "single", "seconds": size.seconds, "most": size.most}),
            ("trips", {"measure": "trips", "seconds": size.seconds, "most": size.trips}),
            ("batch", {"measure": "batch", "seconds": size.seconds, "most": size.most}),
        ]
        found += [
            (f"shared {kind}", {"measure": "shared", "kind": kind, "bytes": size.large, "n": 100}) for kind in KINDS
        ]
    else:
        found = [("backlog", {"measure": "backlog", "depths": size.depths, "tail": size.tail})]
    return [(name, order) for name, order in found if not wanted or name.split()[0] in wanted]


def visit(
    peer: Peer, python: str, size: Size, settings: Mapping[str, str], wanted: tuple[str, ...], log: IO[bytes]
) -> Answer:
    """Take every measure of a peer once; a failure takes the place of its figures."""
    found: Answer = {}
    for work in (True, False):
        line = orders(size, work=work, wanted=wanted)
        while line:
            with running(peer, python, settings, work=work, log=log) as (driven, server):
                # After a measure that was given up the workers are not to be trusted: start again.
                line = _take(driven, server, line, size.limit, found)
    return found


def _take(
    driven: Driven, server: Server, line: list[tuple[str, Answer]], limit: float, found: Answer
) -> list[tuple[str, Answer]]:
    """Take measures until one is given up; those that are left."""
    try:
        start = driven.ready()
    except LateError as late:
        start = {"error": str(late)}
    if "ready" not in start:
        found.update({name: start for name, _ in line})
        return []
    for position, (name, order) in enumerate(line):
        before = server.count()
        try:
            answer = driven.ask(order, limit)
        except LateError as late:
            found[name] = {"error": str(late)}
            return line[position + 1 :]
        producer, workers = driven.memory()
        did = server.count() - before
        found[name] = {**answer, "server": asdict(did), "producer_memory": producer, "worker_memory": workers}
        if "error" in answer:
            return line[position + 1 :]
    return []


@contextmanager
def running(
    peer: Peer, python: str, settings: Mapping[str, str], *, work: bool, log: IO[bytes]
) -> Iterator[tuple[Driven, Server]]:
    """A server of its own and the peer's driver, both ended at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-peer-"))
    try:
        with serving(settings) as server:
            environment = {**peer.settings, "BENCH_URL": server.url}
            driven = Driven(python, peer.adapter, work=work, folder=folder, environment=environment, log=log)
            try:
                yield driven, server
            finally:
                driven.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
