"""Stop signals."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int | None, FrameType | None], object]


@contextmanager
def handled(stop: Handler) -> Generator[None]:
    """Call ``stop`` at each stop signal, if this is the main thread; put things back afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: it was not set from Python, and cannot be set back from here
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
