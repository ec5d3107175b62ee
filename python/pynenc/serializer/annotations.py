"""Declared types, taken apart along with the value they describe.

A *hint* is a tuple of the alternatives that an annotation allows, with unions, ``Annotated``, new types and type
variables resolved. The empty hint means that nothing is known.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints, is_typeddict
from weakref import WeakKeyDictionary

__all__ = [
    "Hint",
    "any_of",
    "class_of",
    "element_hint",
    "field_hints",
    "hint_of",
    "is_literal",
    "key_hint",
    "value_hint",
]

Hint = tuple[Any, ...]

_TRANSPARENT = ("ClassVar", "Final", "Required", "NotRequired", "ReadOnly", "Annotated")
_resolved: WeakKeyDictionary[type, dict[str, Any]] = WeakKeyDictionary()


def hint_of(annotation: Any) -> Hint:
    """The alternatives of an annotation that is already resolved; empty for ``None``, ``Any`` and ``object``."""
    if annotation is None or annotation is Any or annotation is object or isinstance(annotation, str):
        return ()
    if isinstance(annotation, TypeVar):
        if annotation.__bound__ is not None:
            return hint_of(annotation.__bound__)
        return _union(annotation.__constraints__)
    supertype = getattr(annotation, "__supertype__", None)
    if supertype is not None:
        return hint_of(supertype)
    if type(annotation).__name__ == "TypeAliasType":
        return hint_of(annotation.__value__)
    origin = get_origin(annotation)
    if origin is types.UnionType or getattr(origin, "_name", None) == "Union":
        return _union(get_args(annotation))
    if origin is not None and hasattr(annotation, "__metadata__"):
        return hint_of(annotation.__origin__)
    if origin is not None and getattr(origin, "_name", None) in _TRANSPARENT:
        return hint_of(get_args(annotation)[0])
    if type(origin).__name__ == "TypeAliasType":
        return hint_of(annotation.__value__[get_args(annotation)])
    return (annotation,)


def _union(members: Iterable[Any]) -> Hint:
    """Every alternative of every member; unknown as soon as one of them is."""
    found: list[Any] = []
    for member in members:
        if member is types.NoneType or member is None:
            continue
        alternatives = hint_of(member)
        if not alternatives:
            return ()
        found.extend(alternatives)
    return tuple(found)


def class_of(alternative: Any) -> type | None:
    """The class behind an alternative: itself, or what a generic alias was made from."""
    kind = get_origin(alternative) or alternative
    return kind if isinstance(kind, type) else None


def is_literal(alternative: Any) -> bool:
    """Whether an alternative is a ``Literal``."""
    origin: Any = get_origin(alternative)
    return origin is Literal


def any_of(hint: Hint, base: type) -> bool:
    """Whether an alternative is a subclass of ``base``."""
    return any(kind is not None and issubclass(kind, base) for kind in map(class_of, hint))


def element_hint(hint: Hint, index: int) -> Hint:
    """What is known about element ``index`` of a sequence or set."""
    found: list[Any] = []
    for alternative in hint:
        kind, arguments = class_of(alternative), get_args(alternative)
        if kind is None or not arguments or not issubclass(kind, Iterable) or issubclass(kind, Mapping):
            continue
        if kind is not tuple or arguments[1:] == (...,):
            found.extend(hint_of(arguments[0]))
        elif index < len(arguments):
            found.extend(hint_of(arguments[index]))
    return tuple(found)


def key_hint(hint: Hint) -> Hint:
    """What is known about the keys of a dict."""
    return _mapping_argument(hint, 0)


def value_hint(hint: Hint, key: Any) -> Hint:
    """What is known about the value under ``key`` of a dict; a ``TypedDict`` knows each key apart."""
    found = list(_mapping_argument(hint, 1))
    for alternative in hint:
        kind = class_of(alternative)
        if kind is not None and is_typeddict(kind):
            found.extend(hint_of(field_hints(alternative).get(key)))
    return tuple(found)


def _mapping_argument(hint: Hint, position: int) -> Hint:
    found: list[Any] = []
    for alternative in hint:
        kind, arguments = class_of(alternative), get_args(alternative)
        if kind is not None and len(arguments) == 2 and issubclass(kind, Mapping):
            found.extend(hint_of(arguments[position]))
    return tuple(found)


def field_hints(alternative: Any) -> dict[str, Any]:
    """Resolved annotations of the fields of a class, with the arguments of a generic alias filled in.

    :raises NameError: an annotation names something that its module does not have.
    """
    kind: Any = class_of(alternative)
    hints = _resolved.get(kind)
    if hints is None:
        # A pydantic model knows its own, those of a parametrized one filled in.
        models = getattr(kind, "model_fields", None)
        if isinstance(models, dict):
            hints = {name: field.annotation for name, field in models.items()}
        else:
            hints = get_type_hints(kind)
        _resolved[kind] = hints
    arguments = get_args(alternative)
    if not arguments or is_literal(alternative):
        return hints
    filled = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    return {name: _fill(annotation, filled) for name, annotation in hints.items()}


def _fill(annotation: Any, filled: dict[Any, Any]) -> Any:
    if annotation in filled:
        return filled[annotation]
    parameters = getattr(annotation, "__parameters__", ())
    if not parameters or isinstance(annotation, type):
        return annotation
    return annotation[tuple(filled.get(parameter, parameter) for parameter in parameters)]
