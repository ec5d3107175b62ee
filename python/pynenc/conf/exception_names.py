"""Exception classes and the dotted names that settings write for them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from pynenc.conf.parsing import to_items


def exception_name(kind: type[BaseException]) -> str:
    """Write the dotted name that :func:`exception_mapper` reads."""
    return f"{kind.__module__}.{kind.__qualname__}"


def exception_mapper(value: object) -> type[Exception]:
    """Take an exception class, or find the one of a dotted name, importing its module.

    A name without a dot is one of Python's own: ``ValueError``.

    :raises TypeError: there is no such class, or it is no subclass of ``Exception``.
    """
    found = _find(value) if isinstance(value, str) else value
    if isinstance(found, type) and issubclass(found, Exception):
        return found
    raise TypeError(f"{value!r} is not an exception class")


def exception_config_mapper(value: object) -> tuple[type[Exception], ...]:
    """Read several: a class, or a list of classes and dotted names, or a text of dotted names.

    :raises TypeError: one of them is not an exception class, or the value is no list.
    """
    if isinstance(value, type):
        return (exception_mapper(value),)
    try:
        items = to_items(value)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{value!r} is not a list of exception classes") from error
    return tuple(exception_mapper(item) for item in items)


def _find(name: str) -> Any:
    if not name.strip():
        raise TypeError("an exception class has a name")
    first, *rest = name.strip().split(".")
    if not rest:
        first, rest = "builtins", [first]
    found: Any = _import(first, name)
    for index, part in enumerate(rest):
        inner = getattr(found, part, None)
        if inner is None and isinstance(found, ModuleType):
            inner = _import(".".join([first, *rest[: index + 1]]), name)
        if inner is None:
            raise TypeError(f"there is no exception class {name!r}: {found!r} has no {part!r}")
        found = inner
    return found


def _import(module: str, name: str) -> ModuleType:
    try:
        return import_module(module)
    except Exception as error:  # whatever the module's own code raises
        raise TypeError(f"there is no exception class {name!r}: {type(error).__name__}: {error}") from error
