"""The end of the program."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import NoReturn
from weakref import WeakMethod


def call_at_exit(method: Callable[[], None]) -> None:
    """Call a method when the program ends, if its object is still there."""
    known = WeakMethod(method)

    def call() -> None:
        bound = known()
        if bound is not None:
            bound()

    atexit.register(call)


def end_at_once(code: int) -> NoReturn:
    """End the process under threads that refuse to end: the interpreter's own end would abort in them."""
    import logging

    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)
