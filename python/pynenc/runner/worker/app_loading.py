"""Importing the application in a worker process."""

from __future__ import annotations

import pickle
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

from pynenc.exceptions import RunnerError
from pynenc.runner.worker.import_guard import importing

if TYPE_CHECKING:
    from pynenc.ports import RunnerHostPort
    from pynenc.runner.worker.app_source import AppSource, MainModule


def load(source: AppSource) -> RunnerHostPort:
    """Import what another process has described.

    :raises RunnerError: when it cannot be imported, or is not the same here; says why.
    """
    sys.path[:] = source.path
    sys.argv[:] = source.argv
    with importing(str(source)):
        if source.main is not None:
            _import(source.main.name, source.main)
        for name in source.modules:
            _import(name)
    app = _held(source)
    if source.shipped_tasks:
        from pynenc.runner.worker.shipped_main import unpack

        unpack(app, source.shipped_tasks)
    _configure(app, source.settings)
    _compare(app, source)
    return app


def _import(name: str, main: MainModule | None = None) -> None:
    try:
        if main is not None and main.path:
            _run_file(main)
        else:
            import_module(name)
    except (Exception, SystemExit) as error:
        raise RunnerError(f"importing {name} failed{_place_of(error)}: {_told(error)}") from error
    if main is not None:
        sys.modules["__main__"] = sys.modules[name]  # for pickles that name a class of the program


def _run_file(main: MainModule) -> None:
    spec = spec_from_file_location(main.name, main.path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{main.path} is no Python source file")
    module = sys.modules[main.name] = module_from_spec(spec)
    spec.loader.exec_module(module)


def _told(error: BaseException) -> str:
    if isinstance(error, RunnerError):
        return str(error)
    message = error.msg if isinstance(error, SyntaxError) else error
    return f"{type(error).__name__}: {message}"


def _place_of(error: BaseException) -> str:
    """Where in the user's code it comes from."""
    from traceback import extract_tb

    if isinstance(error, SyntaxError):
        return f" at {error.filename}:{error.lineno}"
    users = [frame for frame in extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return f" at {users[-1].filename}:{users[-1].lineno}" if users else ""


def _is_users(path: str) -> bool:
    """Whether a file is neither of the standard library nor of this package."""
    from sysconfig import get_path

    package = __file__.removesuffix("runner/worker/app_loading.py")
    of_python = path.startswith(get_path("stdlib")) and "site-packages" not in path
    return not (path.startswith(("<", package)) or of_python)


def _held(source: AppSource) -> RunnerHostPort:
    if source.holder is None:
        shipped: RunnerHostPort = pickle.loads(source.shipped_app)
        return shipped
    module, name = source.holder
    held: Any = getattr(sys.modules[module], name, None)
    if held is None:
        raise RunnerError(
            f"{module} has no {name!r} when it is imported by a worker process; is it made under "
            '`if __name__ == "__main__":`?'
        )
    if not hasattr(held, "app_id"):  # a task, or the function of a direct one
        held = getattr(held, "task", held).app
    found: RunnerHostPort = held
    return found


def _configure(app: RunnerHostPort, settings: bytes) -> None:
    own, orchestrator, tasks = pickle.loads(settings)
    for conf, values in ((app.conf, own), (app.orchestrator.conf, orchestrator)):
        for name, value in values.items():
            conf.assign(name, value)
    for task_id, values in tasks.items():
        task = app.get_task(task_id) if values else None
        for name, value in values.items():
            if task is not None:
                task.conf.assign(name, value)


def _compare(app: RunnerHostPort, source: AppSource) -> None:
    """Refuse to serve another application than the runner's."""
    here = {"id": app.app_id, "engine": app.conf.engine}
    there = {"id": source.app_id, "engine": source.engine}
    if here != there:
        raise RunnerError(f"{source} makes another application in a worker process: {here} instead of {there}")
    missing = [task_id for task_id in source.task_ids if app.get_task(task_id) is None]
    if missing:
        raise RunnerError(
            f"importing {source} in a worker process makes no task {', '.join(missing)}; is it made under "
            '`if __name__ == "__main__":`, or by a module that only the program imports?'
        )
