"""What the runners have in common that can run in the background."""

from __future__ import annotations

from abc import ABC, abstractmethod
from threading import Event, Lock, Thread, current_thread
from typing import TYPE_CHECKING

from pynenc.context import get_current_runner
from pynenc.runner.at_exit import call_at_exit
from pynenc.runner.base_runner import BaseRunner

if TYPE_CHECKING:
    from pynenc.ports import RunnerHostPort


class BackgroundRunner(BaseRunner, ABC):
    """Runs in the thread that calls :meth:`run`, or in one of its own; it ends with the program at the latest.

    :param app: The application; this becomes its runner.
    """

    def __init__(self, app: RunnerHostPort) -> None:
        super().__init__(app)
        self._lock = Lock()
        self._thread: Thread | None = None
        self._has_ended = Event()
        self._in_background = False
        self._ends_with_program = False

    @property
    def runs(self) -> bool:
        """Whether it runs in this process, in whatever thread."""
        return self._thread is not None

    @property
    @abstractmethod
    def _is_stopping(self) -> bool:
        """Whether it was told to stop, and has not ended."""

    def await_stop(self) -> None:
        """Wait for its end, if it was told to stop; else return at once.

        A body of it does not wait: the end waits for the body.
        """
        if self._is_stopping and get_current_runner(self.app.app_id) is not self:
            self._has_ended.wait()

    def stop_background(self) -> None:
        """Stop what :meth:`start_background` started; returns when it has ended."""
        thread = self._thread
        if thread is None or not self._in_background:
            return
        self.stop_runner_loop()
        if thread is not current_thread():
            thread.join()

    def _see_to_the_end(self) -> None:
        """Have the end of the program end it; asked for at each start, done once."""
        if not self._ends_with_program:
            self._ends_with_program = True
            call_at_exit(self._end_with_program)

    def _end_with_program(self) -> None:
        self.stop_background()
