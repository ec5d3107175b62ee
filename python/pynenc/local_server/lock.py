"""Locks on files, which the operating system drops when their holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

_LOOK_SECONDS = 0.01


def open_lock(path: Path) -> int:
    """Open a lock file, and make it first if need be: a descriptor that a started program does not get."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int) -> bool:
    """Take the lock, if nobody holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(descriptor: int) -> None:
    """Take the lock as soon as nobody holds it."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def becomes_free(path: Path, seconds: float) -> bool:
    """Wait so long for a time when nobody holds a lock; whether there was one."""
    until = monotonic() + seconds
    while True:
        with locked_if_free(path) as free:
            if free:
                return True
        if monotonic() >= until:
            return False
        sleep(_LOOK_SECONDS)


@contextmanager
def locked_if_free(path: Path) -> Generator[bool]:
    """Hold a lock during a block, if nobody else holds it; tells whether it does."""
    descriptor = open_lock(path)
    mine = False
    try:
        mine = try_lock(descriptor)
        yield mine
    finally:
        if mine:  # closing would not do: a process forked meanwhile has the descriptor, too
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
