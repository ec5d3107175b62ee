"""Descriptors that belong to the process that opened them: a forked child closes its copies."""

from __future__ import annotations

import os
import socket
import weakref

_own: weakref.WeakSet[socket.socket] = weakref.WeakSet()
_asked: list[bool] = []


def closed_in_child(one: socket.socket) -> socket.socket:
    """Have a forked child close its copy: a connection would tell the keeper of a user that there is not."""
    if not _asked:
        _asked.append(True)
        os.register_at_fork(after_in_child=_close_all)
    _own.add(one)
    return one


def _close_all() -> None:
    for one in list(_own):
        one.close()
    _own.clear()
