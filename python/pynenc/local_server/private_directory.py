"""Directories that only their owner can enter."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pynenc.exceptions import LocalServerError


def make_private(path: Path, use: str) -> Path:
    """Make a directory with mode 0700, with what is missing above it, or see that it is one already.

    :param use: what it is for, and how another one is chosen: for the message.
    :raises LocalServerError: it cannot be made, or somebody else could get into it.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise LocalServerError(f"{path}, {use}, cannot be made: {error.strerror or error}") from error
    reason = why_not_private(path)
    if reason:
        raise LocalServerError(f"{path}, {use}, is refused: {reason}")
    return path


def is_private(path: Path) -> bool:
    """Tell whether a directory is there and nobody else can get into it."""
    return not why_not_private(path)


def why_not_private(path: Path) -> str:
    """Say what is wrong with a directory; nothing, when nothing is."""
    try:
        found = os.lstat(path)
    except OSError as error:
        return f"it cannot be looked at: {error.strerror or error}"
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link, which may lead anywhere later; accepted: a directory"
    if not stat.S_ISDIR(found.st_mode):
        return "it is not a directory"
    if found.st_uid != os.geteuid():
        return f"it belongs to the user {found.st_uid}, and this process runs as {os.geteuid()}"
    if found.st_mode & 0o077:
        return f"its mode is {stat.S_IMODE(found.st_mode):04o}, which lets others in; accepted: 0700"
    return _why_replaceable(path)


def _why_replaceable(path: Path) -> str:
    for above in path.absolute().parents:
        mode = above.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"everybody may write to {above}, and so put another directory in its place"
    return ""
