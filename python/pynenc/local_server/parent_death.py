"""A child that ends with its parent, where the system can arrange that."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def ends_with_parent() -> Callable[[], None] | None:
    """What a child calls before it becomes another program: it then gets SIGTERM when its parent is killed.

    ``None`` where there is no such thing. The parent must be the thread that starts the child, and outlive it.
    """
    if sys.platform != "linux":
        return None
    try:
        from ctypes import CDLL

        libc = CDLL(None)
    except (ImportError, OSError):
        return None
    parent = os.getpid()

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it was killed before the call above
            os._exit(1)

    return arrange
