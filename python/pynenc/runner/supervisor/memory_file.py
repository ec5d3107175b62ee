"""Files without a name, shared with a child process."""

from __future__ import annotations

import os
import tempfile


def open_memory_file(name: str, content: bytes = b"", size: int = 0) -> int:
    """Make a file that only this process and those that inherit it can reach; its descriptor, at the start.

    :param name: Shown by the system's tools.
    :param content: What it holds.
    :param size: How long it is at least, filled with zeros.
    """
    maker = getattr(os, "memfd_create", None)
    if maker is not None:
        made: int = maker(name)
    else:
        with tempfile.TemporaryFile() as unnamed:
            made = os.dup(unnamed.fileno())
    os.ftruncate(made, max(size, len(content)))
    os.pwrite(made, content, 0)
    return made
