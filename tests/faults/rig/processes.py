"""Worker processes, started as a user starts them, and what can be done to a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MARK = "PYNENC_FAULTS_RUN"
BOUND_S = 60.0
STEP_S = 0.02


def until(true: Callable[[], object], what: str, bound: float = BOUND_S) -> None:
    """Wait for it, within a generous bound."""
    end = time.monotonic() + bound
    while not true():
        assert time.monotonic() < end, f"not within {bound:g} s: {what}"
        time.sleep(STEP_S)


class Process:
    """A process in a session of its own, with everything that it starts."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its number, which is that of its group too."""
        return self.popen.pid

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send the process itself a signal."""
        self.popen.send_signal(number)

    def send_all(self, number: signal.Signals) -> None:
        """Send a signal to it and to everything that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> float:
        """End it and its children with no warning; when that was."""
        self.send_all(signal.SIGKILL)
        self.popen.wait(BOUND_S)
        return time.monotonic()

    def freeze(self) -> None:
        """Stop it, with its children, wherever they are; they stand still on return."""
        self.send_all(signal.SIGSTOP)
        # Until then another signal, though sent later, could be taken first.
        group = [self.pid, *self.children()]
        until(lambda: all(_states().get(pid, ("T", 0))[0] in {"T", "Z"} for pid in group), "the process stands still")

    def thaw(self) -> None:
        """Let it go on."""
        self.send_all(signal.SIGCONT)

    def wait(self, bound: float = BOUND_S) -> int:
        """How it ended; as ``Popen.returncode``."""
        return self.popen.wait(bound)

    def output(self) -> str:
        """What it wrote, to both streams."""
        return self.log.read_text("utf-8", errors="replace")

    def children(self) -> list[int]:
        """Numbers of the processes that it started and that live."""
        return [pid for pid, (state, parent) in _states().items() if parent == self.pid and state != "Z"]


def _states() -> dict[int, tuple[str, int]]:
    """State and parent of every process of this machine."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
                found[int(folder.name)] = state, int(parent)
    return found


class Processes:
    """Starts processes, and leaves none behind: not even those that left their session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = uuid.uuid4().hex
        self.all: list[Process] = []

    def start(self, command: Sequence[str], environment: Mapping[str, str], before: Sequence[str] = ()) -> Process:
        """Start one; ``command`` is what follows the name of this interpreter, ``before`` what goes before it."""
        everything = {**os.environ, "PYTHONUNBUFFERED": "1", **environment, MARK: self._run}
        log = self._folder / f"process-{len(self.all)}.log"
        self.all.append(Process([*before, sys.executable, *command], everything, log))
        return self.all[-1]

    def left(self) -> list[int]:
        """Processes of this run that still live, known by their environment."""
        mark = f"{MARK}={self._run}".encode()
        found = []
        for pid in _states():
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes():
                    found.append(pid)
        return found

    def close(self) -> None:
        """End all of them; nothing of the run is left afterwards."""
        for process in self.all:
            process.kill()
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.left(), "every process of the test is gone")
