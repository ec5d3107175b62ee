"""Rounds over many peers, in the time that there is."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from environments import Environment
from peers import Peer
from rounds import Visit
from sizes import Size

GENEROUS = 1.5
"""How many times its share of the time that is left a peer may take before large arguments are handed to it."""


@dataclass
class Campaign:
    """Every peer once a round, another one first each time.

    :param made: the interpreter of each environment, or why there is none.
    :param minutes: after the first round no visit starts that would end later, if it takes what the last one took;
        in the first one, large arguments are left out where time is short.
    """

    peers: list[Peer]
    made: Mapping[str, Environment | str]
    size: Size
    settings: Mapping[str, str]
    wanted: frozenset[str]
    minutes: float
    report: dict[str, Any]
    out: Path
    _began: float = field(default_factory=time.monotonic)
    _took: dict[str, float] = field(default_factory=dict)
    _skip: dict[str, set[str]] = field(default_factory=dict)

    def run(self, rounds: int) -> None:
        """Measure; what is known is written after each visit."""
        for peer in self.peers:
            place = self.made[peer.environment]
            known: dict[str, Any] = {"place": peer.place, "tracked": peer.tracked, "rounds": []}
            known.update({"failure": place} if isinstance(place, str) else _origin(place))
            self.report["peers"][peer.name] = known
        self.write()
        with (self.out / "compare.log").open("ab") as log:
            for number in range(rounds):
                shift = number * len(self.peers) // max(rounds, 1)
                line = [peer for peer in self.peers[shift:] + self.peers[:shift] if self._installed(peer)]
                left_out = 0
                for position, peer in enumerate(line):
                    allowance = self._left() / (len(line) - position) * GENEROUS if number == 0 else math.inf
                    if number > 0 and self._took.get(peer.name, 0.0) > self._left():
                        left_out += 1
                        continue
                    head = f"round {number + 1}/{rounds}, {position + 1}/{len(line)} {peer.name}"
                    self._visit(peer, head, log, allowance)
                if left_out:
                    print(f"round {number + 1}/{rounds}: no time left for {left_out} of {len(line)}", flush=True)

    def _installed(self, peer: Peer) -> bool:
        return isinstance(self.made[peer.environment], Environment)

    def _left(self) -> float:
        """Seconds."""
        return max(0.0, self._began + self.minutes * 60 - time.monotonic())

    def write(self) -> None:
        """Keep what is known so far."""
        self.report["minutes"] = round((time.monotonic() - self._began) / 60, 1)
        (self.out / "compare.json").write_text(json.dumps(self.report, indent=1) + "\n")

    def _visit(self, peer: Peer, head: str, log: IO[bytes], allowance: float) -> None:
        began, place = time.monotonic(), self.made[peer.environment]
        assert isinstance(place, Environment)
        log.write(f"==== {head}\n".encode())
        log.flush()
        skip = frozenset(self._skip.setdefault(peer.name, set()))
        python, told = place.python, partial(tell, head)
        visit = Visit(peer, python, self.size, self.settings, self.wanted, skip, log, told, allowance)
        found = visit.take()
        tell("", "")
        self._learn(peer.name, found, time.monotonic() - began)
        self.report["peers"][peer.name]["rounds"].append(found)
        self.write()
        print(f"{head}: " + "; ".join(f"{name} {line(found[name])}" for name in found), flush=True)

    def _learn(self, name: str, found: dict[str, Any], took: float) -> None:
        """What needs no second look: what is absent, failed, or takes so long that noise matters little."""
        for measure, answer in found.items():
            slow = answer.get("took", 0.0) >= self.size.slow and ("bytes" in answer or "steps" in answer)
            if "error" in answer or "absent" in answer or slow:
                self._skip[name].add(measure)
        left_out = sum(found[measure].get("took", 0.0) for measure in self._skip[name] if measure in found)
        self._took[name] = took - left_out


def _origin(place: Environment) -> dict[str, Any]:
    return {"versions": place.versions, "python": place.version}


def tell(head: str, measure: str) -> None:
    """Say on a terminal what is going on right now, on a line that the next one replaces."""
    if sys.stderr.isatty():
        text = f"{head}: {measure}" if head else ""
        sys.stderr.write(f"\r\x1b[K{text[:100]}")
        sys.stderr.flush()


def line(answer: dict[str, Any]) -> str:
    """One measure for a person who waits."""
    if "absent" in answer:
        return "-"
    if "passed_over" in answer:
        return "not asked"
    if "error" in answer:
        return f"FAILED ({answer['error'][:60]})"
    if "steps" in answer:
        return " ".join(f"{step['seconds'] * 1e6:.3g} us at {step['depth']:,}" for step in answer["steps"])
    if "p50" in answer:
        return f"{answer['p50'] * 1e3:.2f} ms, p99 {answer['p99'] * 1e3:.2f}"
    if "bytes" in answer:
        return f"{answer['seconds']:.3f} s"
    return f"{answer['n'] / answer['seconds']:,.0f}/s"
