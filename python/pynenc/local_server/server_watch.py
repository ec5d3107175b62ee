"""Having the server run: started, found again, and started again when it dies."""

from __future__ import annotations

import selectors
import socket
import sys
from time import monotonic

from pynenc.local_server.keeper_plan import KeeperPlan
from pynenc.local_server.server_process import ServerProcess

START_SECONDS = 20.0
END_SECONDS = 5.0
_SHORTEST_LOOK = 0.003
_LONGEST_LOOK = 1.0
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_STEADY_SECONDS = 10.0


class ServerWatch:
    """Holds a connection to the server, whose end tells that the server died; nothing polls while it lives.

    A server that dies is started again at once, and after ever longer pauses if it does not stay alive.

    :param plan: which server.
    :param selector: where the connection waits, with a callable as its data.
    """

    def __init__(self, plan: KeeperPlan, selector: selectors.BaseSelector) -> None:
        self._process = ServerProcess(plan)
        self._selector = selector
        self._line: socket.socket | None = None
        self._began = monotonic()
        self._due = self._began
        self._look = _SHORTEST_LOOK
        self._deaths = 0
        self._answered_at = 0.0
        self.ready = False
        """It has answered once."""
        self.failure = ""
        """Why it never did."""

    def patience(self) -> float | None:
        """Seconds until :meth:`advance` has something to do; ``None``: nothing before the connection ends."""
        return None if self._line is not None else max(0.0, self._due - monotonic())

    def advance(self) -> None:
        """Do what is due: look whether the server answers, or start it."""
        if self._line is not None or monotonic() < self._due:
            return
        line = self._process.connect()
        if line is not None:
            self._line = line
            self._selector.register(line, selectors.EVENT_READ, self._heard)
            return
        if self._process.running:
            self._look_again()
        elif death := self._process.buried():
            self._after(death)
        elif self._process.start():
            self._look = _SHORTEST_LOOK
            self._look_again()
        else:  # an earlier one is about to end, or to answer
            self._look_again()

    def stop(self) -> None:
        """End the server in good order."""
        if self._line is not None:
            self._selector.unregister(self._line)
        self._process.end(self._line, END_SECONDS)
        if self._line is not None:
            self._line.close()

    def _look_again(self) -> None:
        now = monotonic()
        self._due = now + self._look
        self._look = min(2 * self._look, _LONGEST_LOOK)
        if not self.ready and now - self._began > START_SECONDS:
            self._fail(f"no answer within {START_SECONDS:g} s")

    def _heard(self) -> None:
        assert self._line is not None  # noqa: S101 - it is what was heard
        try:
            said = self._line.recv(4_096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if said:  # any answer will do: while it reads its file it says so, and clients know to wait
            self.ready = True
            self._answered_at = monotonic()
            return
        self._selector.unregister(self._line)
        self._line.close()
        self._line = None
        self._due = monotonic()
        self._look = _SHORTEST_LOOK

    def _after(self, death: str) -> None:
        if not self.ready:
            self._fail(death)
            return
        now = monotonic()
        if now - self._answered_at > _STEADY_SECONDS:
            self._deaths = 0
        pause = min(_SHORTEST_PAUSE * 2 ** (self._deaths - 1), _LONGEST_PAUSE) if self._deaths else 0.0
        self._deaths += 1
        self._due = now + pause
        sys.stderr.write(f"pynenc keeper: the server died: {death}; it is started again in {pause:g} s\n")
        sys.stderr.flush()

    def _fail(self, reason: str) -> None:
        words = self._process.last_words()
        self.failure = f"{reason}; it said: {words}" if words else f"{reason}, and said nothing"
