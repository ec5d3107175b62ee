"""How a worker process comes to the application that its runner has."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pynenc.exceptions import RunnerError
from pynenc.model.task_id import importable_name

if TYPE_CHECKING:
    from types import ModuleType

    from pynenc.ports import RunnerHostPort

_MAIN = "__main__"


@dataclass(frozen=True)
class MainModule:
    """The program that a runner was started in.

    :param name: What another process calls it.
    :param path: Its file; empty when it is imported by its name, as with ``python -m``.
    """

    name: str
    path: str


@dataclass(frozen=True)
class AppSource:
    """Where an application is found, and what was changed about it since.

    :param app_id: Its id.
    :param engine: Name of its engine.
    :param path: ``sys.path``.
    :param argv: ``sys.argv``; modules may look there when they are imported.
    :param main: The program, when one of its functions is a task or it holds the application.
    :param modules: Those to import, in order.
    :param holder: Module and name of the application, or of a task of it.
    :param task_ids: The tasks that must be there afterwards.
    :param settings: What was assigned to settings, pickled.
    :param shipped_app: The application by value, when it is made in a program that nobody else can import.
    :param shipped_tasks: Functions of such a program, by value.
    """

    app_id: str
    engine: str
    path: tuple[str, ...]
    argv: tuple[str, ...]
    main: MainModule | None
    modules: tuple[str, ...]
    holder: tuple[str, str] | None
    task_ids: tuple[str, ...]
    settings: bytes
    shipped_app: bytes = b""
    shipped_tasks: bytes = b""

    def __str__(self) -> str:
        return ", ".join(self.modules) or self.app_id


def describe(app: RunnerHostPort) -> AppSource:
    """Describe an application, for a worker process on this machine.

    :raises RunnerError: when another process could not import it, and it is not to be shipped.
    """
    names = list(dict.fromkeys(task.func.__module__ for task in app.tasks.values()))
    main = _main_module()
    holder = _holder(app, names, importable_main=main is not None)
    shipped_tasks = b""
    if main is None and (_MAIN in names or _name_of(app, sys.modules[_MAIN]) is not None):
        shipped_tasks = _shipped_tasks(app)
        names = [name for name in names if name != _MAIN]
    if holder is None and not shipped_tasks:
        raise RunnerError(
            f"worker processes could not find the application {app.app_id!r}: no module holds it, or a task of it, "
            "under a name of its own; bind it at the top level of a module"
        )
    first = [] if holder is None else [holder[0]]
    return AppSource(
        app_id=app.app_id,
        engine=app.conf.engine,
        path=tuple(sys.path),
        argv=tuple(sys.argv),
        main=main if _MAIN in (*first, *names) else None,
        modules=tuple(dict.fromkeys(map(importable_name, (*first, *names)))),
        holder=None if holder is None else (importable_name(holder[0]), holder[1]),
        task_ids=tuple(app.tasks),
        settings=_assigned_settings(app),
        shipped_app=b"" if holder is not None else pickle.dumps(app),
        shipped_tasks=shipped_tasks,
    )


# -- finding it here ------------------------------------------------------------------------------
def _holder(app: RunnerHostPort, task_modules: list[str], *, importable_main: bool) -> tuple[str, str] | None:
    """The module and the name that the application has there; or a task has whose application it is."""
    own = [sys.modules[name] for name in task_modules if name in sys.modules]
    for module in [*own, *list(sys.modules.values())]:
        name = _name_of(app, module)
        if name is not None and (importable_main or module.__name__ != _MAIN):
            return module.__name__, name
    for task in app.tasks.values():
        module_name, name = task.func.__module__, task.func.__name__
        if not importable_main and module_name == _MAIN:
            continue
        held = getattr(sys.modules.get(module_name), name, None)
        if held is task or getattr(held, "task", None) is task:
            return module_name, name
    return None


def _name_of(app: RunnerHostPort, module: ModuleType) -> str | None:
    namespace = getattr(module, "__dict__", None)  # what stands in sys.modules need not be a module
    if not isinstance(namespace, dict) or not isinstance(namespace.get("__name__"), str):
        return None
    return next((name for name, value in list(namespace.items()) if value is app), None)


def _main_module() -> MainModule | None:
    """The program; ``None`` when another process could not import it."""
    module = sys.modules[_MAIN]
    name = importable_name(_MAIN)
    if name == _MAIN:
        return None
    by_name = getattr(module, "__spec__", None) is not None
    return MainModule(name, "" if by_name else str(getattr(module, "__file__", "")))


def _shipped_tasks(app: RunnerHostPort) -> bytes:
    if not app.conf.ship_main:
        raise RunnerError(
            f"worker processes could not import application {app.app_id!r}: it, or a task of it, is made in a program "
            "that has no file (typed in, a notebook, or python -c). Move that to a module; or set ship_main=True, "
            "which sends it by value"
        )
    from pynenc.runner.worker.shipped_main import pack

    return pack(app)


def _assigned_settings(app: RunnerHostPort) -> bytes:
    """What was assigned to settings after construction: nothing of that is found by importing modules."""
    from pynenc.conf.config_base import ASSIGNMENT

    def assigned(conf: Any) -> dict[str, Any]:
        return {name: conf.value_of(name) for name in conf.fields() if conf.source_of(name) == ASSIGNMENT}

    # A task that was never asked for its settings has none that were assigned.
    known = {task_id: vars(task)["_conf"] for task_id, task in app.tasks.items()}
    tasks = {task_id: assigned(conf) for task_id, conf in known.items() if conf is not None}
    return pickle.dumps((assigned(app.conf), assigned(app.orchestrator.conf), tasks))
