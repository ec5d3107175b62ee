"""From what a source holds (text, or a value of TOML, JSON or code) to the typed value of a field.

Every function raises ValueError or TypeError for what it does not accept; the caller knows the key, the source and the
words for what is accepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_BYTES = {
    "b": 1,
    **{f"{prefix}b": 1_000 ** (power + 1) for power, prefix in enumerate("kmgt")},
    **{f"{prefix}ib": 1_024 ** (power + 1) for power, prefix in enumerate("kmgt")},
}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def to_bool(value: object) -> bool:
    """Read a boolean: a real one, 0 or 1, or a word in any case."""
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    if isinstance(value, str) and (word := value.strip().lower()) in _BOOLEANS:
        return _BOOLEANS[word]
    raise ValueError("not a boolean")


def to_int(value: object) -> int:
    """Read an integer; a float counts when it is a whole number."""
    if isinstance(value, str):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("not an integer")


def to_float(value: object) -> float:
    """Read a finite number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def to_seconds(value: object) -> float:
    """Read a number of seconds, or a duration such as ``500ms``, ``30s``, ``5m``, ``2h`` or ``1d``."""
    if isinstance(value, str) and (measured := _measured(value, _SECONDS)) is not None:
        return measured
    return to_float(value)


def to_bytes(value: object) -> int:
    """Read a number of bytes, or a size such as ``512MiB`` or ``2 GB``."""
    if isinstance(value, str) and (measured := _measured(value, _BYTES)) is not None:
        return int(measured)
    return to_int(value)


def _measured(value: str, units: Mapping[str, float]) -> float | None:
    """A number with a unit; ``None`` when there is no unit, or no number."""
    text = value.strip().lower()
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(number) :]
    if not unit or not number:
        return None
    if unit not in units:
        raise ValueError(f"unknown unit {unit!r}")
    return to_float(number) * units[unit]


def to_hours(value: object) -> float:
    """Read a number of hours, or a duration such as ``90m``."""
    if isinstance(value, str) and value.strip()[-1:].isalpha():
        return to_seconds(value) / 3_600.0
    return to_float(value)


def to_text(value: object) -> str:
    """Take a text as it is."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return str(value)


def to_items(value: object) -> tuple[Any, ...]:
    """Read a sequence: a list of any kind, or a text that is a JSON array or is separated by commas.

    Sets come out sorted, so that the result does not depend on hashing.
    """
    if isinstance(value, str):
        return _items_of_text(value.strip())
    if isinstance(value, set | frozenset):
        return tuple(sorted(value, key=str))
    if isinstance(value, list | tuple):
        return tuple(value)
    raise TypeError("not a list")


def _items_of_text(text: str) -> tuple[Any, ...]:
    if not text.startswith("["):
        return tuple(item for part in text.split(",") if (item := part.strip()))
    import json

    return tuple(json.loads(text))


def to_texts(value: object) -> tuple[str, ...]:
    """Read a sequence of texts, as :func:`to_items` does."""
    return tuple(to_text(item) for item in to_items(value))


def enum_reader(kind: type[Enum]) -> Callable[[object], Any]:
    """Make the function that reads a member by value or by name, in any case."""
    members = {str(key).lower(): member for member in kind for key in (member.name, member.value)}

    def read(value: object) -> Any:
        if isinstance(value, kind):
            return value
        if isinstance(value, str) and (word := value.strip().lower()) in members:
            return members[word]
        raise ValueError(f"not a {kind.__name__}")

    return read


def choice_reader(choices: Iterable[str]) -> Callable[[object], str]:
    """Make the function that reads one of a few words, in any case."""
    known = {choice.lower(): choice for choice in choices}

    def read(value: object) -> str:
        word = to_text(value).strip().lower()
        if word not in known:
            raise ValueError("not one of the choices")
        return known[word]

    return read


def nearest(name: str, known: Iterable[str]) -> str:
    """Write `` (did you mean 'x'?)`` for the known name that is nearest, or nothing when none is near."""
    import difflib

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]!r}?)" if found else ""
