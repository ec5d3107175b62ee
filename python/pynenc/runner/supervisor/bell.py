"""Waking a thread that sleeps on file descriptors."""

from __future__ import annotations

import socket
from contextlib import suppress


class Bell:
    """A socket to oneself: rung from any thread and from signal handlers, heard by whoever sleeps on it."""

    def __init__(self) -> None:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)

    def fileno(self) -> int:
        """What to sleep on."""
        return self._reading.fileno()

    def ring(self) -> None:
        """Wake the sleeper, or keep it from falling asleep. Does nothing once it is closed."""
        with suppress(OSError):  # full: it has been rung often enough; or nobody sleeps there any more
            self._writing.send(b"!")

    def silence(self) -> None:
        """Take the rings back."""
        with suppress(BlockingIOError):
            while self._reading.recv(4096):
                pass

    def close(self) -> None:
        """Give the descriptors back."""
        self._writing.close()
        self._reading.close()
