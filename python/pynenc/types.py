"""Type names shared by the public API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeAlias, TypeVar

Params = ParamSpec("Params")
"""Parameters of a decorated function."""

Result = TypeVar("Result")
"""What a decorated function returns (for ``async def``: what awaiting it returns)."""

Func: TypeAlias = Callable[Params, Result]
"""A function that becomes a task: ``Func[Params, Result]``."""

Args: TypeAlias = dict[str, Any]
"""Bound arguments of a call: parameter name to value."""

ParallelFunc: TypeAlias = Callable[
    [Args],
    Iterable[Any] | tuple[Mapping[str, Any], Iterable[Mapping[str, Any]]] | Mapping[str, Any],
]
"""Splits one call of a direct task into many.

It gets the bound arguments and returns the parameters of each part (tuples, dicts or ``Arguments``); or, to send what
the parts share once, ``{"common_args": dict, "param_iter": iterable of dicts}`` or the pair of the two.
"""

AggregateFunc: TypeAlias = Callable[[Iterable[Any]], Any]
"""Combines the results of the parts of a direct task into the one that its caller gets."""

__all__ = ["AggregateFunc", "Args", "Func", "ParallelFunc", "Params", "Result"]
