"""A look at a whole value, level by level, at the speed of C: is it plain JSON, and how large is it."""

from __future__ import annotations

from itertools import chain
from math import isfinite
from typing import Any

from pynenc.serializer.limits import Limits

__all__ = ["NESTING", "SCALARS", "all_finite", "is_plain", "oversize"]

SCALARS = frozenset((str, int, float, bool, type(None)))
NESTING = frozenset((list, dict))
_TEXT = frozenset((str,))


def is_plain(value: Any, limits: Limits) -> bool:
    """Whether JSON holds the value as it is, without a tag, and within the limits.

    Lone surrogates and integers of very many digits are not looked for: the JSON encoder refuses both.
    """
    kind = type(value)
    if kind not in NESTING:
        return kind in SCALARS and (kind is not float or isfinite(value))
    level, items = [value], 0
    for _ in range(limits.max_depth):
        lists, dicts = _by_kind(level)
        if not _plain_keys(dicts):
            return False
        children = _children(lists, dicts)
        items += len(children) + sum(map(len, dicts))
        kinds = set(map(type, children))
        nested = kinds - SCALARS
        if items > limits.max_items or not nested <= NESTING:
            return False
        if float in kinds and not all_finite(children, kinds):
            return False
        if not nested:
            return True
        level = [child for child in children if type(child) in NESTING]
    return False


def oversize(tree: Any, limits: Limits) -> str | None:
    """Which limit a tree of plain JSON is over, in words; ``None`` when it is within them."""
    level, items = [tree] if type(tree) in NESTING else [], 0
    for _ in range(limits.max_depth):
        if not level:
            return None
        lists, dicts = _by_kind(level)
        children = _children(lists, dicts)
        items += len(children) + sum(map(len, dicts))
        if items > limits.max_items:
            return f"more than {limits.max_items} items in one value"
        level = [child for child in children if type(child) in NESTING] if NESTING & set(map(type, children)) else []
    return f"more than {limits.max_depth} levels of containers" if level else None


def all_finite(children: Any, kinds: set[type]) -> bool:
    """Whether no float among the children, whose types are ``kinds``, is NaN or infinite."""
    if len(kinds) == 1:
        # Infinities and NaN survive a sum; a sum that overflows only costs the fast path.
        return isfinite(sum(children))
    return all(isfinite(child) for child in children if type(child) is float)


def _by_kind(level: list[Any]) -> tuple[list[list[Any]], list[dict[Any, Any]]]:
    dicts = [each for each in level if type(each) is dict]
    return ([each for each in level if type(each) is list] if len(dicts) < len(level) else []), dicts


def _children(lists: list[list[Any]], dicts: list[dict[Any, Any]]) -> list[Any]:
    return list(chain(chain.from_iterable(lists), chain.from_iterable(map(dict.values, dicts))))


def _plain_keys(dicts: list[dict[Any, Any]]) -> bool:
    """Whether all keys are text, and no dict looks like a tag: one key that begins with ``$``."""
    if not set(map(type, chain.from_iterable(dicts))) <= _TEXT:
        return False
    return not any(len(each) == 1 and next(iter(each)).startswith("$") for each in dicts)
