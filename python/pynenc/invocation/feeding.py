"""Threads that submit from the inputs of streams, and their end with the program."""

from __future__ import annotations

import atexit
import os
import time
from threading import Thread, current_thread
from typing import TYPE_CHECKING

from pynenc.context import carry

if TYPE_CHECKING:
    from pynenc._core import GroupCore

_END_SECONDS = 1.0

_feeding: dict[Thread, tuple[GroupCore, object]] = {}


def start_feeding(core: GroupCore, task_id: str, app: object) -> None:
    """Submit from the input of a stream in a thread; its calls belong to the body that runs here.

    :param task_id: For the name of the thread.
    :param app: The application that the stream ends with.
    """
    thread = Thread(target=carry(_feed), args=(core,), name=f"pynenc-feeder-{task_id}", daemon=True)
    _feeding[thread] = (core, app)
    try:
        thread.start()
    except RuntimeError:
        del _feeding[thread]
        raise
    except BaseException:  # Ctrl-C while the thread was starting: it runs, and nobody will read what it feeds
        core.close()
        raise


def end_feeding(app: object) -> None:
    """Let the inputs of an application's streams be read no further."""
    for core, owner in list(_feeding.values()):
        if owner is app:
            core.close()


def _feed(core: GroupCore) -> None:
    try:
        core.feed()
    finally:
        _feeding.pop(current_thread(), None)


def _end_with_program() -> None:
    """Let inputs be read no further: the interpreter would abort in threads that still read them.

    An input that goes on by itself is interrupted; one that blocks outside Python is left alone.
    """
    threads = list(_feeding)
    for core, _ in list(_feeding.values()):
        core.close()
    _join(threads)
    late = [thread for thread in threads if thread.is_alive()]
    for thread in late:
        _interrupt(thread)
    _join(late)


def _join(threads: list[Thread]) -> None:
    patience = time.monotonic() + _END_SECONDS / 2
    for thread in threads:
        thread.join(max(patience - time.monotonic(), 0))


def _interrupt(thread: Thread) -> None:
    import ctypes

    from pynenc._core import BodyInterrupt

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(BodyInterrupt))


atexit.register(_end_with_program)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_feeding.clear)  # a child has none of these threads
