"""A runner that starts by itself at the first wait that would otherwise never end."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING
from weakref import ref

from pynenc.runner.thread_runner import ThreadRunner

if TYPE_CHECKING:
    from pynenc.ports import RunnerHostPort


class AutoRunner:
    """Starts the runner of an application in the background; it ends with the program.

    :param app: The application, which is not kept alive by this.
    """

    def __init__(self, app: RunnerHostPort) -> None:
        self._app = ref(app)
        self._lock = Lock()
        self._announced = False

    def start(self) -> None:
        """Start it, unless it runs by now, or cannot run here."""
        app = self._app()
        if app is None:
            return
        runner = app.runner
        if not isinstance(runner, ThreadRunner) or not runner.start_background():
            return
        with self._lock:
            first = not self._announced
            self._announced = True
        if first:
            app.logger.info(
                "a runner was started in the background, because a result is waited for and nothing runs here "
                "(auto_runner=False turns that off)"
            )
