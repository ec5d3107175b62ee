"""How a process ended, in words."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import NamedTuple

_CGROUP = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
_MACHINE = Path("/proc/vmstat")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


class ProcessEnd(NamedTuple):
    """The end of a process.

    :param returncode: As of ``subprocess``: the exit code, or the signal's number negated.
    :param out_of_memory: The kernel killed it because memory ran out.
    """

    returncode: int
    out_of_memory: bool = False

    @property
    def killed(self) -> bool:
        """A signal ended it."""
        return self.returncode < 0

    def __str__(self) -> str:
        if not self.killed:
            return f"exit code {self.returncode}"
        name = _signal_name(-self.returncode)
        return f"killed by {name}, out of memory" if self.out_of_memory else f"killed by {name}"


class MemoryKills:
    """Tells whether the kernel has killed for want of memory since it was last asked.

    A process that is killed so ends by SIGKILL like any other; only the kernel's own count says more.
    """

    def __init__(self) -> None:
        self._seen = _kills()

    def more(self) -> bool:
        """Whether there were any since the last time."""
        before, self._seen = self._seen, _kills()
        return self._seen > before


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # the real-time ones have numbers only
        return f"signal {number}"


def _kills() -> int:
    for path in (_events_of_own_cgroup(), _MACHINE):
        try:
            found = _KILLS.search(path.read_text("ascii"))
        except (OSError, ValueError):
            continue
        if found is not None:
            return int(found[1])
    return 0


def _events_of_own_cgroup() -> Path:
    try:
        lines = _OWN_CGROUP.read_text("utf-8").splitlines()
    except OSError:
        lines = []
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    return _CGROUP / own / "memory.events"
