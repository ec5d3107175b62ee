"""What a process and those that it started cost; Linux only, like the figures."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Make this process the parent of whatever its children leave behind, so that it can be ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _stat(pid: int) -> list[str]:
    # The name in parentheses may hold anything: what follows its last parenthesis is counted from.
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


def descendants(root: int) -> list[int]:
    """The processes below one, itself left out."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found: list[int] = []
    line = [root]
    while line:
        children = parents.get(line.pop(), [])
        found += children
        line += children
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Processor time of these processes and of those of their children that have ended."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            total += sum(int(ticks) for ticks in _stat(pid)[11:15])
    return total / TICK


def private_bytes(pids: list[int]) -> int:
    """Memory of these processes, what they share divided among the sharers (PSS)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) << 10
    return total


def marked(pids: list[int], mark: str) -> list[int]:
    """Those that were started with this in their environment."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
    return found


def end_all(pids: list[int]) -> None:
    """End these processes, and collect those that are children of this one."""
    left = set(pids)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 5
    while left and time.monotonic() < end:
        for pid in sorted(left):
            try:
                if os.waitpid(pid, os.WNOHANG)[0]:
                    left.discard(pid)
            except ChildProcessError:
                left.discard(pid)
        time.sleep(0.01)
