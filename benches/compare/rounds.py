"""One visit to one peer: a fresh server, fresh workers, and every measure once."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from driven import Driven, LateError
from peers import Peer
from server import Server, serving
from sizes import Order, Size, orders

Answer = dict[str, Any]
GRACE = 5.0
"""Seconds that a driver has for its answer beyond what its measure may take."""


@dataclass
class Visit:
    """What one visit takes, and with what.

    :param skip: measures that are left out: they failed, or took long, in an earlier round.
    :param tell: called with the name of each measure before it starts.
    :param allowance: seconds after which no large argument is handed over any more.
    """

    peer: Peer
    python: str
    size: Size
    settings: Mapping[str, str]
    wanted: frozenset[str]
    skip: frozenset[str]
    log: IO[bytes]
    tell: Callable[[str], None]
    allowance: float
    began: float = field(default_factory=time.monotonic)
    found: Answer = field(default_factory=dict)
    late: int = 0

    def take(self) -> Answer:
        """Take every measure once; a failure takes the place of its figures."""
        for work in (True, False):
            line = [one for one in orders(self.size, work=work, wanted=self.wanted) if not self._skips(one.name)]
            while line:
                if work and self.late >= self.size.late:
                    line = self._pass_over(line, f"not asked, after {self.late} that did not finish in time")
                    if not line:
                        break
                with self._running(work=work) as (driven, server):
                    # After a measure that was given up the workers are not to be trusted: start again.
                    line = self._measure(driven, server, line)
        return self.found

    def _skips(self, name: str) -> bool:
        return not self.skip.isdisjoint({name, name.replace("again", "shared")})

    def _measure(self, driven: Driven, server: Server, line: list[Order]) -> list[Order]:
        """Take measures until one fails; those that are left."""
        self.tell("starting")
        start = _asked(driven.ready)
        if "ready" not in start:
            self.found.update({order.name: start for order in line})
            return []
        for position, order in enumerate(line):
            if order.large and time.monotonic() - self.began > self.allowance:
                return self._pass_over(line[position:], "not asked: no time left")
            self.tell(order.name)
            answer = self._one(driven, server, order)
            self.found[order.name] = answer
            if "error" in answer:
                self.late += bool(answer.get("late"))
                # What was not handed over once is not handed over again.
                return [left for left in line[position + 1 :] if left.name != order.name.replace("shared", "again")]
            if order.large and answer.get("seconds", 0.0) >= self.size.far:
                return self._pass_over(line[position + 1 :], f"not asked: {order.name} took {answer['seconds']:.0f} s")
        return []

    def _pass_over(self, line: list[Order], why: str) -> list[Order]:
        """Leave out what hands over large arguments, and everything once too much was late; the rest."""
        left = [order for order in line if not order.large and self.late <= self.size.late]
        gone = [order.name for order in line if order not in left]
        self.found.update({name: {"error": why, "passed_over": True} for name in gone})
        return left

    def _one(self, driven: Driven, server: Server, order: Order) -> Answer:
        idle, before, began = driven.memory(), server.count(), time.monotonic()
        answer = _asked(lambda: driven.ask(order.content, order.limit + GRACE))
        took, did, memory = time.monotonic() - began, server.count() - before, driven.memory()
        return {
            **answer,
            "took": round(took, 3),
            "server": asdict(did),
            "producer_memory": memory[0],
            "worker_memory": memory[1],
            "producer_growth": memory[0] - idle[0],
            "worker_growth": memory[1] - idle[1],
        }

    @contextmanager
    def _running(self, *, work: bool) -> Iterator[tuple[Driven, Server]]:
        """A server of its own and the peer's driver, both ended at the end."""
        folder = Path(tempfile.mkdtemp(prefix="bench-peer-"))
        try:
            with serving(self.settings) as server:
                environment = {**self.peer.settings, "BENCH_URL": server.url}
                driven = Driven(
                    self.python, self.peer.adapter, work=work, folder=folder, environment=environment, log=self.log
                )
                try:
                    yield driven, server
                finally:
                    driven.close()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _asked(step: Callable[[], Answer]) -> Answer:
    try:
        return step()
    except LateError as late:
        return {"error": str(late), "late": True}
