"""The closed set of leaf types that JSON lacks: how each is written under its tag, and read."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import cache
from math import inf, isfinite, nan
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

__all__ = ["READERS", "WRITERS", "text_is_writable", "write_text"]

_MICROSECOND = timedelta(microseconds=1)
_FLOATS = {"nan": nan, "inf": inf, "-inf": -inf}
_HEX = re.compile(r"-?[0-9a-f]+")
_DECIMAL = re.compile(r"-?(?:\d+(?:\.\d*)?(?:E[+-]?\d{1,19})?|Infinity|s?NaN\d*)", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{32}")


def text_is_writable(text: str) -> bool:
    """Whether the text is free of lone surrogates, which UTF-8 has no form for."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_text(text: str) -> Any:
    """The text itself, or tagged when it holds lone surrogates."""
    return text if text_is_writable(text) else {"$str": _base64(text.encode("utf-8", "surrogatepass"))}


def write_int(value: int) -> Any:
    """The number, or tagged hexadecimal past 64 bits: linear to read, whatever its size."""
    return value if -(1 << 63) <= value < 1 << 64 else {"$int": format(value, "x")}


def write_float(value: float) -> Any:
    """The number, or tagged when JSON has none for it."""
    return value if isfinite(value) else {"$float": repr(value)}


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _write_moment(value: datetime | time) -> list[Any]:
    """Text, fold, and where there is one the zone: its name, or its offset in microseconds."""
    moment = [value.replace(tzinfo=None).isoformat(), value.fold]
    zone = value.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key:
        return [*moment, zone.key]
    # Another library's zone is carried as the offset that it gives for this very moment. The offset stands apart from
    # the text, because `fromisoformat` takes one of less than a second for none.
    offset = value.utcoffset()
    if offset is not None:
        return [*moment, offset // _MICROSECOND]
    if zone is not None:
        raise ValueError("its time zone has no offset at that moment")
    return moment


def _zone(written: object) -> tzinfo:
    if type(written) is int:
        return timezone(written * _MICROSECOND)
    # Only names that this machine lists are looked up: a name from data opens and imports nothing.
    if not isinstance(written, str) or written not in _zone_names():
        raise ValueError(f"time zone {written!r:.80} is not known here")
    return ZoneInfo(written)


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _read_moment(kind: type[datetime | time], node: Any) -> Any:
    text, fold, *zone = node
    if len(zone) > 1 or type(fold) is not int:
        raise ValueError("expected a text, a fold and maybe a time zone")
    moment: Any = kind.fromisoformat(text).replace(fold=fold)
    return moment.replace(tzinfo=_zone(zone[0])) if zone else moment


def _read_timedelta(node: Any) -> timedelta:
    days, seconds, microseconds = (_exact(part, int) for part in node)
    return timedelta(days, seconds, microseconds)


def _exact(node: Any, kind: type) -> Any:
    if type(node) is not kind:
        raise ValueError(f"expected {kind.__name__}, not {type(node).__name__}")
    return node


def _matching(node: Any, pattern: re.Pattern[str]) -> str:
    if pattern.fullmatch(_exact(node, str)) is None:
        raise ValueError("not in the form that is written")
    return str(node)


def _read_bytes(node: Any) -> bytes:
    return binascii.a2b_base64(_exact(node, str), strict_mode=True)


def _read_float(node: Any) -> float:
    return node if type(node) is float else _FLOATS[node]


def _read_complex(node: Any) -> complex:
    real, imaginary = (_read_float(part) for part in node)
    return complex(real, imaginary)


def _write_part(value: float) -> Any:
    return value if isfinite(value) else repr(value)


WRITERS: dict[type, Callable[[Any], Any]] = {
    str: write_text,
    int: write_int,
    float: write_float,
    bytes: lambda value: {"$bytes": _base64(value)},
    complex: lambda value: {"$complex": [_write_part(value.real), _write_part(value.imag)]},
    datetime: lambda value: {"$datetime": _write_moment(value)},
    date: lambda value: {"$date": value.isoformat()},
    time: lambda value: {"$time": _write_moment(value)},
    timedelta: lambda value: {"$timedelta": [value.days, value.seconds, value.microseconds]},
    Decimal: lambda value: {"$decimal": str(value)},
    UUID: lambda value: {"$uuid": value.hex},
}
"""From an exact type to the function that writes a value of it."""

READERS: dict[str, Callable[[Any], Any]] = {
    "$str": lambda node: _read_bytes(node).decode("utf-8", "surrogatepass"),
    "$int": lambda node: int(_matching(node, _HEX), 16),
    "$float": lambda node: _FLOATS[node],
    "$bytes": _read_bytes,
    "$complex": _read_complex,
    "$datetime": lambda node: _read_moment(datetime, node),
    "$date": lambda node: date.fromisoformat(_exact(node, str)),
    "$time": lambda node: _read_moment(time, node),
    "$timedelta": _read_timedelta,
    "$decimal": lambda node: Decimal(_matching(node, _DECIMAL)),
    "$uuid": lambda node: UUID(hex=_matching(node, _UUID)),
}
"""From a tag to the function that reads what stands under it. They raise ordinary errors on bad input."""
