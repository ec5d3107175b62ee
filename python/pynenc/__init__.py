"""Orchestrate distributed tasks in Python.

The names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc._core import __version__
    from pynenc.app import Pynenc
    from pynenc.arguments import Arguments
    from pynenc.builder import PynencBuilder
    from pynenc.conf.config_pynenc import ArgumentPrintMode
    from pynenc.conf.config_task import ConcurrencyControlType
    from pynenc.exceptions import PynencError, RetryError
    from pynenc.invocation import (
        BaseInvocation,
        BaseInvocationGroup,
        DistributedInvocation,
        DistributedInvocationGroup,
        InvocationStatus,
        ReusedInvocation,
    )
    from pynenc.task import Task

__all__ = [
    "ArgumentPrintMode",
    "Arguments",
    "BaseInvocation",
    "BaseInvocationGroup",
    "ConcurrencyControlType",
    "DistributedInvocation",
    "DistributedInvocationGroup",
    "InvocationStatus",
    "Pynenc",
    "PynencBuilder",
    "PynencError",
    "RetryError",
    "ReusedInvocation",
    "Task",
    "__version__",
]

_HOME = {
    "ArgumentPrintMode": "conf.config_pynenc",
    "Arguments": "arguments",
    "BaseInvocation": "invocation",
    "BaseInvocationGroup": "invocation",
    "ConcurrencyControlType": "conf.config_task",
    "DistributedInvocation": "invocation",
    "DistributedInvocationGroup": "invocation",
    "InvocationStatus": "model.status",
    "Pynenc": "app",
    "PynencBuilder": "builder",
    "PynencError": "exceptions",
    "RetryError": "exceptions",
    "ReusedInvocation": "invocation",
    "Task": "task",
    "__version__": "_core",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
