"""One keeper: the lock that it holds, and what is done about a holder that is not to be reached."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from pynenc.local_server.lock import open_lock, wait_for_lock
from pynenc.local_server.places import Address, Places, this_machine

# A keeper that is ending has let go of its socket, and ends its server; so long does that take at most.
_ENDING_SECONDS = 3
_STOPPING_SECONDS = 14


class _Enough(Exception):  # noqa: N818 - it is one
    """The wait took too long."""


def hold_keeper_lock(places: Places) -> tuple[int, str]:
    """Take the lock as soon as its holder is gone.

    Whoever comes here has found that the holder does not answer. If that is not because it is ending, its sockets were
    removed under it: it is asked to end.

    :returns: the lock, and why it could not be had.
    """
    lock = open_lock(places.keeper_lock)
    if _waited(lock, _ENDING_SECONDS):
        return lock, ""
    holder = Address.read(places.address)
    here = this_machine()
    if holder is not None and holder.host != here:
        return lock, f"it runs on the machine {holder.host!r}; set local_dir to a directory of {here!r} alone"
    if holder is not None and _is_keeper(holder.pid):
        with suppress(ProcessLookupError):
            os.kill(holder.pid, signal.SIGTERM)
    if _waited(lock, _STOPPING_SECONDS):
        return lock, ""
    named = f"process {holder.pid}" if holder else "a process"
    return lock, f"{named} holds {places.keeper_lock} and does not answer; end it"


def _is_keeper(pid: int) -> bool:
    """Whether the process is what its address says, and not a later one of the same number; true where none can say."""
    words = Path(f"/proc/{pid}/cmdline")
    with suppress(OSError):
        return b"pynenc.local_server.keeper" in words.read_bytes()
    return not Path("/proc/self").exists()


def _waited(lock: int, seconds: int) -> bool:
    signal.signal(signal.SIGALRM, _enough)
    signal.alarm(seconds)
    try:
        wait_for_lock(lock)
    except _Enough:
        return False
    finally:
        signal.alarm(0)
    return True


def _enough(_signal: int, _frame: object) -> None:
    raise _Enough
