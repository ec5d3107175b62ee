"""Calls in synchronous mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pynenc.arguments import Arguments
from pynenc.call import Call
from pynenc.invocation.conc_invocation import ConcurrentInvocation, ConcurrentInvocationGroup

if TYPE_CHECKING:
    from pynenc.ports import BodyPort


def call(task: BodyPort, values: tuple[Any, ...]) -> ConcurrentInvocation[..., Any]:
    """Make one bound call; its invocation."""
    named = zip(task.parameter_names, values, strict=True)
    kwargs = {name: task.check_argument(name, value) for name, value in named}
    return ConcurrentInvocation(Call(task, Arguments(kwargs, app=task.app)))


def parallelize(task: BodyPort, param_iter: Iterable[Any], common: Mapping[str, Any] | None) -> Any:
    """Make one call an element; every element is bound before the first call is made."""
    bound = [_bound(task, index, item, common) for index, item in enumerate(param_iter)]
    return ConcurrentInvocationGroup(task, [call(task, values) for values in bound])


def _bound(task: BodyPort, index: int, item: Any, common: Mapping[str, Any] | None) -> tuple[Any, ...]:
    try:
        if isinstance(item, Mapping):
            return task.bind((), {**(common or {}), **item})
        if isinstance(item, tuple) and common is None:
            return task.bind(item, {})
        if isinstance(item, Arguments):
            known = {**(common or {}), **item.kwargs}
            return tuple(known[name] for name in task.parameter_names)
    except (TypeError, KeyError) as error:
        raise TypeError(f"element {index} of param_iter: {error}") from error
    accepted = "a tuple, a dict or Arguments is accepted" if common is None else "a dict is accepted with common_args"
    message = f"element {index} of param_iter: {accepted}, not a {type(item).__name__}"
    raise ValueError(message) if isinstance(item, tuple) else TypeError(message)
