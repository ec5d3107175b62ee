"""How a task is named after its function, and the function found by that name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pynenc._core import TaskCore
from pynenc.exceptions import TaskNotRegisteredError

if TYPE_CHECKING:
    from types import ModuleType


def task_id_of(func: Callable[..., Any]) -> str:
    """Module and name, by which a worker can import it."""
    return f"{importable_name(func.__module__)}.{func.__name__}"


def check_function(func: Any) -> None:
    """Refuse what no worker could find.

    :raises TypeError: when it is no function.
    :raises ValueError: when it is local, a method or a lambda.
    """
    if isinstance(func, TaskCore):
        raise TypeError(f"{func!r} is a task already")
    name = getattr(func, "__name__", None)
    qualified = getattr(func, "__qualname__", name)
    if not callable(func) or name is None or isinstance(func, type):
        raise TypeError(f"a task is made from a function, not from {func!r}")
    if name == "<lambda>" or qualified != name:
        raise ValueError(
            f"{getattr(func, '__module__', '?')}.{qualified} cannot be a task: "
            "only functions at the top level of a module can be found by a worker"
        )


def importable_name(module: str) -> str:
    """Name by which another process could import the module; matters for a script."""
    if module != "__main__":
        return module
    main: ModuleType = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        name: str = spec.name
        return name
    path = getattr(main, "__file__", None)
    if not path:
        return module
    stem: str = path.replace("\\", "/").rpartition("/")[2]
    return stem.removesuffix(".py")


def find_function(task_id: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Import the function of a task, and the options of its decorator.

    :raises TaskNotRegisteredError: when there is no such module, or no such task or function in it.
    """
    from importlib import import_module

    module_name, _, name = task_id.rpartition(".")
    try:
        in_main = module_name in ("__main__", importable_name("__main__"))
        module = sys.modules["__main__"] if in_main else import_module(module_name)
        found = getattr(module, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise TaskNotRegisteredError(task_id, f"cannot be imported here: {error}") from error
    task: Any = found if isinstance(found, TaskCore) else getattr(found, "task", None)
    if isinstance(task, TaskCore):
        known: Any = task
        return known.func, known.options
    if not callable(found):
        raise TaskNotRegisteredError(task_id, f"{name} in {module_name} is no function")
    return found, {}
