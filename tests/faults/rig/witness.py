"""What really happened, told by the bodies themselves.

Each body appends lines to a file: one when it starts, one when it has had its effect. The file is
no business of the engine's or of its server's, and it outlives the kill of either.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

ENV = "PYNENC_FAULTS_WITNESS"
NOBODY = str(UUID(int=0))


@dataclass(frozen=True, slots=True)
class Sight:
    """One line: what was seen of which attempt, by which process, when (of this machine's monotonic clock)."""

    what: str
    invocation_id: str
    attempt: int
    pid: int
    at: float
    note: str = ""

    @property
    def token(self) -> tuple[str, int]:
        """The attempt that it is of."""
        return self.invocation_id, self.attempt


def write(path: str | Path, what: str, invocation_id: str, attempt: int, note: str = "") -> None:
    """Append one line, whole or not at all: whoever is killed leaves no half of one."""
    line = f"{what} {invocation_id} {attempt} {os.getpid()} {time.monotonic():.6f} {note}\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


class Witness:
    """Reads the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def sights(self, what: str) -> list[Sight]:
        """What was seen of that kind, in order."""
        return [sight for sight in self._all() if sight.what == what]

    def _all(self) -> Iterator[Sight]:
        for line in self.path.read_text("utf-8").splitlines():
            what, invocation_id, attempt, pid, at, *note = line.split(" ", 5)
            yield Sight(what, invocation_id, int(attempt), int(pid), float(at), *note)

    def starts(self) -> list[Sight]:
        """Each time that a body started."""
        return self.sights("start")

    def effects(self) -> list[Sight]:
        """Each time that a body had its effect."""
        return self.sights("effect")

    def double_starts(self) -> list[tuple[str, int]]:
        """Attempts that were started more than once: there must be none, whatever happens."""
        return [token for token, count in Counter(sight.token for sight in self.starts()).items() if count > 1]

    def nameless(self) -> list[Sight]:
        """What was seen of bodies that did not know who they were: there must be none, whatever happens."""
        return [sight for sight in self._all() if sight.invocation_id == NOBODY]

    def extra_effects(self) -> int:
        """Effects beyond the first of each invocation."""
        return sum(count - 1 for count in Counter(sight.invocation_id for sight in self.effects()).values())

    def recoveries(self, lost: dict[int, float]) -> list[float]:
        """For each body that a lost process had not ended, the seconds until it started again elsewhere.

        :param lost: when each process was lost, by its number.
        """
        starts = self.starts()
        ended = {(sight.token, sight.pid) for sight in self.effects() if sight.at <= lost.get(sight.pid, sight.at)}
        found = []
        for sight in starts:
            when = lost.get(sight.pid)
            if when is None or sight.at > when or (sight.token, sight.pid) in ended:
                continue
            later = [other.at for other in starts if other.invocation_id == sight.invocation_id and other.at > when]
            found += [min(later) - when] if later else []
        return found
