"""What the core asks of an application that it works for."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from pynenc._core import TaskWire
    from pynenc.ports import RunnerHostPort
    from pynenc.runner.auto_runner import AutoRunner


class RuntimeHost:
    """The application's side of its runtime. The core keeps this, and this does not keep the application.

    :param app: The application.
    """

    def __init__(self, app: RunnerHostPort) -> None:
        self._app = ref(app)
        self._app_id = app.app_id
        self._lock = Lock()
        self._starter: AutoRunner | None = None
        self._advised = False

    def start_runner(self) -> None:
        """Start a runner in the background, because something is waited for and nothing runs here."""
        app = self._app()
        if app is None:
            return
        with self._lock:
            if self._starter is None:
                from pynenc.runner.auto_runner import AutoRunner

                self._starter = AutoRunner(app)
        self._starter.start()

    def find_task(self, task_id: str) -> Any | None:
        """Find a task of the application; ``None`` when there is none, or the application is gone."""
        app = self._app()
        return None if app is None else app.get_task(task_id)

    def task_ids(self) -> list[str]:
        """Name the tasks of the application."""
        app = self._app()
        return [] if app is None else list(app.tasks)

    def bare_wire(self, task_id: str) -> TaskWire:
        """Make what results of a task are read by that this process does not have."""
        from pynenc.serializer.task_codec import make_wire

        app = self._app()
        if app is None:
            raise ReferenceError(f"the application {self._app_id} is gone, and with it its serializer")
        return make_wire(app, task_id)

    def advise(self, invocation_id: str, status: str) -> None:
        """Say, once, what to start: something has been waited for, and nobody has begun it.

        :param status: Where the invocation stands.
        """
        from pynenc.runner.background_runner import BackgroundRunner

        app = self._app()
        if app is None or (isinstance(app.runner, BackgroundRunner) and app.runner.runs):
            return  # its worker processes are on their way, or busy
        with self._lock:
            first = not self._advised
            self._advised = True
        if first:
            app.logger.warning(
                "invocation %s is waited for, and is still %s after a second: is there a runner for application %s? "
                "Start one with: pynenc --app module:attr runner start, or in the program: with app.running()",
                invocation_id,
                status,
                app.app_id,
            )
