"""Signatures, and the arguments of one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import GenericAlias
from typing import TYPE_CHECKING, Any, TypeAlias

from pynenc._core import TaskCore, fingerprint, fingerprint_arguments

if TYPE_CHECKING:
    from pynenc.ports import AppPort

Parameter: TypeAlias = tuple[str, int, bool, object]
"""``(name, kind, has default, default)``; the kinds are numbered as in :mod:`inspect`."""

POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = range(5)

NO_ARGUMENTS_ID = "no_args"

_CO_VARARGS = 0x04
_CO_VARKEYWORDS = 0x08
_CO_COROUTINE = 0x80


def parameters_of(func: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Read the signature of a function.

    Plain functions are read from their code object; :mod:`inspect` is imported only for others.
    """
    code = getattr(func, "__code__", None)
    if code is None or hasattr(func, "__wrapped__") or hasattr(func, "__signature__"):
        return _inspected(func)
    total = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames
    defaults = getattr(func, "__defaults__", None) or ()
    keyword_defaults = getattr(func, "__kwdefaults__", None) or {}
    first_default = code.co_argcount - len(defaults)
    found: list[Parameter] = []
    for index, name in enumerate(names[: code.co_argcount]):
        kind = POSITIONAL_ONLY if index < code.co_posonlyargcount else POSITIONAL_OR_KEYWORD
        has_default = index >= first_default
        found.append((name, kind, has_default, defaults[index - first_default] if has_default else None))
    extra = total
    if code.co_flags & _CO_VARARGS:
        found.append((names[extra], VAR_POSITIONAL, False, None))
        extra += 1
    by_name = names[code.co_argcount : total]
    found += [(name, KEYWORD_ONLY, name in keyword_defaults, keyword_defaults.get(name)) for name in by_name]
    if code.co_flags & _CO_VARKEYWORDS:
        found.append((names[extra], VAR_KEYWORD, False, None))
    return tuple(found)


def _inspected(func: Callable[..., Any]) -> tuple[Parameter, ...]:
    import inspect

    empty = inspect.Parameter.empty
    return tuple(
        (parameter.name, int(parameter.kind), True, parameter.default)
        if parameter.default is not empty
        else (parameter.name, int(parameter.kind), False, None)
        for parameter in inspect.signature(func).parameters.values()
    )


def annotations_of(func: Callable[..., Any], parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Resolve the annotations: by parameter name, and ``return``.

    Empty when a name in them exists for type checkers only.
    """
    from typing import get_type_hints

    try:
        hints = get_type_hints(func, include_extras=True)
    except Exception:  # whatever evaluating an annotation raises; such values come back as plain data
        return {}
    for name, kind, _, _ in parameters:
        if kind == VAR_POSITIONAL and name in hints:
            hints[name] = GenericAlias(tuple, (hints[name], ...))
        elif kind == VAR_KEYWORD and name in hints:
            hints[name] = GenericAlias(dict, (str, hints[name]))
    return hints


def is_coroutine_function(func: Callable[..., Any]) -> bool:
    """Tell whether calling the function gives a coroutine."""
    code = getattr(func, "__code__", None)
    if code is not None:
        return bool(code.co_flags & _CO_COROUTINE)
    import inspect

    return inspect.iscoroutinefunction(func)


def invoke(func: Callable[..., Any], parameters: Sequence[Parameter], values: Sequence[Any]) -> Any:
    """Call the function with one value a parameter, each passed the way its kind asks for."""
    positional: list[Any] = []
    by_name: dict[str, Any] = {}
    for (name, kind, _, _), value in zip(parameters, values, strict=True):
        if kind <= POSITIONAL_OR_KEYWORD:
            positional.append(value)
        elif kind == VAR_POSITIONAL:
            positional.extend(value)
        elif kind == KEYWORD_ONLY:
            by_name[name] = value
        else:
            by_name.update(value)
    return func(*positional, **by_name)


class Arguments:
    """The bound arguments of one call, by parameter name.

    ``*args`` and ``**kwargs`` parameters stand under their own names, as a tuple and a dict. Two of
    them are equal when their fingerprints are; the fingerprint is taken once, when it is first
    asked for.

    :param kwargs: Parameter name to value.
    :param app: Says how they are printed, and how values without a fingerprint are encoded.
    """

    __slots__ = ("_args_id", "app", "kwargs")

    def __init__(self, kwargs: dict[str, Any] | None = None, *, app: AppPort | None = None) -> None:
        self.kwargs: dict[str, Any] = kwargs if kwargs is not None else {}
        self.app = app
        self._args_id: str | None = None

    @classmethod
    def from_call(cls, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Arguments:
        """Bind a call to the signature of a function or a task, defaults filled in.

        :raises TypeError: when the arguments do not fit.
        """
        task: Any = func
        if issubclass(type(task), TaskCore):
            bound: Arguments = task.args(*args, **kwargs)
            return bound
        import inspect

        signature = inspect.signature(func).bind(*args, **kwargs)
        signature.apply_defaults()
        return cls(dict(signature.arguments))

    @property
    def args_id(self) -> str:
        """64 hexadecimal digits that stand for the names and values; ``no_args`` without any.

        :raises FingerprintError: when a value has none.
        """
        if self._args_id is None:
            if not self.kwargs:
                self._args_id = NO_ARGUMENTS_ID
            else:
                encode = self.app.serializer.encode if self.app is not None else None
                digest = fingerprint_arguments(list(self.kwargs), list(self.kwargs.values()), encode)
                self._args_id = digest.hex()
        return self._args_id

    def summary(self) -> dict[str, Any]:
        """The arguments for an error message: long values cut, all of them hidden if logs hide them."""
        app = self.app
        if app is not None and (not app.conf.print_arguments or app.conf.argument_print_mode in ("keys", "hidden")):
            encode = app.serializer.encode
            return {name: f"#{fingerprint(value, encode).hex()[:8]}" for name, value in self.kwargs.items()}
        limit = app.conf.truncate_arguments_length if app is not None else 0
        return {name: _short(value, limit or 1_000) for name, value in self.kwargs.items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arguments) and self.args_id == other.args_id

    def __hash__(self) -> int:
        return hash(self.args_id)

    def __str__(self) -> str:
        if self.app is None:
            return _listed(f"{name}=..." for name in self.kwargs)
        return printed(self.kwargs, self.app)

    def __repr__(self) -> str:
        return f"Arguments({self.kwargs!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"kwargs": self.kwargs}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.kwargs = state["kwargs"]
        self.app = None
        self._args_id = None


def printed(kwargs: Mapping[str, Any], app: AppPort) -> str:
    """Print arguments the way the settings of the application ask for."""
    from pynenc.conf.config_pynenc import ArgumentPrintMode

    conf = app.conf
    mode = conf.argument_print_mode
    if not conf.print_arguments or mode == ArgumentPrintMode.HIDDEN:
        return "<arguments hidden>"
    if not kwargs:
        return "<no_args>"
    if mode == ArgumentPrintMode.KEYS:
        return _listed(kwargs)
    limit = conf.truncate_arguments_length if mode == ArgumentPrintMode.TRUNCATED else 0
    return _listed(f"{name}={_cut(_text(str, value), limit)}" for name, value in kwargs.items())


def _listed(items: Any) -> str:
    return f"args({', '.join(items)})"


def _cut(text: str, limit: int) -> str:
    return text if limit <= 0 or len(text) <= limit else text[:limit] + "..."


def _short(value: Any, limit: int) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return _cut(value, limit)
    return _cut(_text(repr, value), limit)


def _text(printer: Callable[[Any], str], value: Any) -> str:
    try:
        return printer(value)
    except Exception:  # an error message is not to fail over the value that it speaks of
        return f"<unprintable {type(value).__name__}>"
