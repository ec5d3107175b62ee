"""Signals to a runner."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
DUMP_SIGNAL: signal.Signals | None = getattr(signal, "SIGUSR1", None)

Handler = Callable[[int | None, FrameType | None], object]


@contextmanager
def handled(stop: Handler, dump: Callable[[], object] | None = None) -> Generator[None]:
    """Call ``stop`` at each stop signal, and ``dump`` at SIGUSR1; put things back afterwards.

    Only the main thread can do that; in another one nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    if dump is not None and DUMP_SIGNAL is not None:
        before[DUMP_SIGNAL] = signal.signal(DUMP_SIGNAL, lambda _number, _frame: dump())
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: it was not set from Python, and cannot be set back from here
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
