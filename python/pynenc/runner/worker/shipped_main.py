"""Functions of a program that nobody else can import, by value: from a runner to its own worker processes only."""

from __future__ import annotations

import io
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cloudpickle

from pynenc.task import Task

if TYPE_CHECKING:
    from pickle import Unpickler

    from pynenc.ports import RunnerHostPort
else:
    from pickle import Unpickler

_MAIN = "__main__"
_APP = "app"


class _Packer(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Writes the application and its tasks as references: functions and tasks hold each other."""

    def __init__(self, file: io.BytesIO, app: RunnerHostPort) -> None:
        super().__init__(file)
        self._app = app

    def persistent_id(self, value: Any) -> str | None:
        """What the value is called, if it is one of those."""
        if value is self._app:
            return _APP
        if isinstance(value, Task) and value.app is self._app:
            return f"task {value.task_id}"
        return None


class _Unpacker(Unpickler):
    """Reads them as the application that is made here, and as tasks that get their functions at the end."""

    def __init__(self, file: io.BytesIO, app: RunnerHostPort) -> None:
        super().__init__(file)
        self._app = app
        self.tasks: dict[str, Task[..., Any]] = {}

    def persistent_load(self, name: str) -> Any:
        """What is called so."""
        if name == _APP:
            return self._app
        task_id = name.removeprefix("task ")
        known = self._app.tasks.get(task_id)
        return known or self.tasks.setdefault(task_id, Task.__new__(Task))


def pack(app: RunnerHostPort) -> bytes:
    """Write the tasks of an application whose functions stand in ``__main__``."""
    own = [task for task in app.tasks.values() if task.func.__module__ == _MAIN]
    file = io.BytesIO()
    _Packer(file, app).dump([(task.task_id, task.func, task.options) for task in own])
    return file.getvalue()


def unpack(app: RunnerHostPort, packed: bytes) -> None:
    """Make the tasks that :func:`pack` wrote, as tasks of this application."""
    sys.modules[_MAIN] = ModuleType(_MAIN)  # as in the program: it has no file, and so its tasks are named after it
    unpacker = _Unpacker(io.BytesIO(packed), app)
    known: Any = app.tasks
    for task_id, function, options in unpacker.load():
        task = unpacker.tasks.setdefault(task_id, Task.__new__(Task))
        task.__init__(app, function, options)  # type: ignore[misc]  # made when a function referred to it
        known[task_id] = task
