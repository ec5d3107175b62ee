"""One worker process, as its runner sees it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import NamedTuple

from pynenc.runner.supervisor.channel import Channel, ChannelClosedError
from pynenc.runner.supervisor.exit_watch import ExitWatch
from pynenc.runner.supervisor.memory_file import open_memory_file
from pynenc.runner.supervisor.messages import FromWorker, ToWorker
from pynenc.runner.supervisor.process_end import ProcessEnd
from pynenc.runner.supervisor.scoreboard import Scoreboard


class Phase(Enum):
    """Where a worker process stands."""

    STARTING = auto()
    """It loads the application."""
    STANDBY = auto()
    """It could take work, and does not."""
    SERVING = auto()
    """It takes work."""
    LEAVING = auto()
    """It takes no more, and ends when what runs has ended."""
    LEFT = auto()
    """It holds no work any more."""


class Papers(NamedTuple):
    """What a worker process is started with.

    :param command: Its command line; the numbers of three file descriptors are put behind it: control socket,
        orders and scoreboard.
    :param orders: What it finds in the second.
    """

    command: Sequence[str]
    orders: bytes


class WorkerProcess:
    """A child process with a control socket.

    It leads a process group of its own: Ctrl-C in a terminal does not reach it, and what it kills as its own group
    is nobody else.

    :param number: Tells it from the others of its runner.
    :raises OSError: when it cannot be started.
    """

    def __init__(self, number: int, papers: Papers) -> None:
        self.number = number
        self.phase = Phase.STARTING
        self.started_at = time.monotonic()
        self.ready_at: float | None = None
        self.kill_at: float | None = None
        self._kill_for = self.killed_for = ""
        self.reason = ""
        self.told_to_stop = False
        self.listening = True
        self.waits = False
        self.board = Scoreboard()
        orders = open_memory_file("pynenc-orders", papers.orders)
        ours, theirs = socket.socketpair()
        try:
            self._process = _started(papers.command, (theirs.fileno(), orders, self.board.fd))
            self.watch = ExitWatch(self._process.pid)
        except BaseException:
            ours.close()
            self.board.close()
            raise
        finally:
            theirs.close()
            os.close(orders)
        ours.setblocking(False)  # a child that does not listen must not hold up the others
        self.channel: Channel[FromWorker] = Channel(ours, FromWorker)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def __str__(self) -> str:
        return f"worker process {self.number} (pid {self.pid})"

    # -- talking ----------------------------------------------------------------------------------
    def tell(self, message: ToWorker) -> None:
        """Send it a message; one that cannot take it in has died, or is to."""
        try:
            self.channel.send(message)
        except ChannelClosedError:
            self.end_by(time.monotonic(), "it does not listen any more")

    def heard(self) -> list[FromWorker] | None:
        """What it has said since the last time; ``None``: its end of the socket is closed, and no more will come."""
        try:
            return self.channel.receive()
        except ChannelClosedError:
            return None

    # -- ending -----------------------------------------------------------------------------------
    def end_by(self, latest: float, or_else: str) -> None:
        """Have it killed at that time, if it has not ended by then; ``or_else`` says why."""
        if self.kill_at is None or latest < self.kill_at:
            self.kill_at, self._kill_for = latest, or_else

    def kill(self, why: str = "") -> None:
        """End it and what it has started, at once."""
        self.killed_for = why or self._kill_for
        self.kill_at = None
        self.kill_all()

    def kill_all(self) -> None:
        """Kill it, if it lives, and what it has started."""
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)

    def bury(self, out_of_memory: Callable[[], bool]) -> ProcessEnd:
        """Reap it after its end, and give back what it took here.

        :param out_of_memory: Asked when it ended by SIGKILL.
        """
        code = self._process.wait()
        self.watch.close()
        self.channel.close()
        self.board.close()
        return ProcessEnd(code, code == -signal.SIGKILL and not self.killed_for and out_of_memory())


def _started(command: Sequence[str], descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - this interpreter
        [*command, *map(str, descriptors)],
        stdin=subprocess.DEVNULL,
        pass_fds=descriptors,
        process_group=0,
    )
