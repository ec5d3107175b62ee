"""A file descriptor that becomes readable when a process has ended."""

from __future__ import annotations

import os
from contextlib import suppress
from threading import Thread


class ExitWatch:
    """Watches one child of this process, without reaping it.

    Where the system has process descriptors it is one; else a thread sleeps until the end and closes a pipe. What
    the child's own children have inherited does not matter to either.

    :param pid: The child.
    """

    def __init__(self, pid: int) -> None:
        opened = open_descriptor(pid)
        self._fd = _watched_by_a_thread(pid) if opened is None else opened

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd

    def close(self) -> None:
        """Watch no longer."""
        os.close(self._fd)


def open_descriptor(pid: int) -> int | None:
    """A descriptor of any process, readable when it has ended; ``None`` where the system has none."""
    opener = getattr(os, "pidfd_open", None)
    if opener is None:
        return None
    try:
        opened: int = opener(pid)
    except OSError:  # an old kernel, or a sandbox that forbids it
        return None
    return opened


def _watched_by_a_thread(pid: int) -> int:
    reading, writing = os.pipe()

    def watch() -> None:
        with suppress(OSError):  # somebody else has reaped it: it has ended all the same
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        os.close(writing)

    Thread(target=watch, name="pynenc-exit-watch", daemon=True).start()
    return reading
