"""Digests written down once: a release that changes one of them breaks every key that is stored anywhere.

``data/fingerprints.json`` is never made again by a program. A new type adds a line; no line ever changes.
"""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from pynenc._core import fingerprint, fingerprint_arguments

STORED: dict[str, str] = json.loads((Path(__file__).parent / "data" / "fingerprints.json").read_text("utf-8"))


@dataclasses.dataclass
class User:
    name: str
    age: int


class Pair(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Name(str):
    __slots__ = ()


class Foreign:
    pass


# The name of a type is a part of its values' digests: it must not depend on how the tests are run.
for _class in (User, Pair, Colour, Level, Name, Foreign):
    _class.__module__ = "golden"

UTC = dt.UTC
CASES: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "true": lambda: True,
    "false": lambda: False,
    "int 0": lambda: 0,
    "int 1": lambda: 1,
    "int -1": lambda: -1,
    "int 127": lambda: 127,
    "int 128": lambda: 128,
    "int -129": lambda: -129,
    "int 2**63-1": lambda: 2**63 - 1,
    "int 2**63": lambda: 2**63,
    "int -2**63": lambda: -(2**63),
    "int -2**63-1": lambda: -(2**63) - 1,
    "int 10**40": lambda: 10**40,
    "float 0": lambda: 0.0,
    "float -0": lambda: -0.0,
    "float 1": lambda: 1.0,
    "float nan": lambda: float("nan"),
    "float inf": lambda: float("inf"),
    "str empty": lambda: "",
    "str ascii": lambda: "hello",
    "str latin": lambda: "héllo",
    "str emoji": lambda: "a😀",
    "str surrogate": lambda: "a\ud800b",
    "str 4095": lambda: "a" * 4095,
    "str 4096": lambda: "a" * 4096,
    "str long latin": lambda: "é" * 5000,
    "str long surrogate": lambda: "\udfff" * 5000,
    "str 1 MiB": lambda: "0123456789abcdef" * 65536,
    "bytes empty": lambda: b"",
    "bytes short": lambda: b"hello",
    "bytes 4095": lambda: b"a" * 4095,
    "bytes 4096": lambda: b"a" * 4096,
    "list": lambda: [1, "a", None],
    "tuple": lambda: (1, "a", None),
    "list of 300": lambda: list(range(300)),
    "dict": lambda: {"b": 2, "a": [1]},
    "dict mixed keys": lambda: {1: "int", "1": "str", (1, 2): None},
    "ordered dict": lambda: collections.OrderedDict(b=1, a=2),
    "set": lambda: {"x", "y", 3},
    "frozenset": lambda: frozenset({1, 2, 3}),
    "dataclass": lambda: User("ada", 36),
    "namedtuple": lambda: Pair(1, 2),
    "enum": lambda: Colour.RED,
    "int enum": lambda: Level.LOW,
    "str subclass": lambda: Name("ada"),
    "datetime": lambda: dt.datetime(2026, 7, 14, 12, 30, 15, 250),  # noqa: DTZ001
    "datetime utc": lambda: dt.datetime(2026, 7, 14, 12, 30, tzinfo=UTC),
    "datetime offset": lambda: dt.datetime(2026, 7, 14, 12, tzinfo=dt.timezone(dt.timedelta(hours=5.5))),
    "datetime zone": lambda: dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Rome")),
    "date": lambda: dt.date(2026, 7, 14),
    "time": lambda: dt.time(12, 30, 15, 250),
    "timedelta": lambda: dt.timedelta(days=-1, seconds=5, microseconds=7),
    "decimal": lambda: decimal.Decimal("-1.50"),
    "decimal exponent": lambda: decimal.Decimal("1E+30"),
    "uuid": lambda: uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "bytearray": lambda: bytearray(b"hello"),
    "memoryview": lambda: memoryview(b"hello"),
    "memoryview long": lambda: memoryview(b"a" * 5000),
    "array": lambda: array.array("q", [1, -2, 3]),
    "numpy i8": lambda: np.arange(6, dtype="<i8").reshape(2, 3),
    "numpy f4 big endian": lambda: np.arange(3, dtype=">f4"),
    "numpy strided": lambda: np.arange(10_000, dtype="<i4")[::2],
    "numpy 0-d": lambda: np.array(1.5),
    "numpy empty": lambda: np.zeros((0, 3)),
    "numpy text": lambda: np.array(["ab", "c"], "<U2"),
    "numpy dates": lambda: np.array(["2026-07-14"], "M8[D]"),
    "numpy record": lambda: np.array([(1, 2.5)], [("a", "<i8"), ("b", "<f4")]),
    "numpy int64": lambda: np.int64(5),
    "numpy float32": lambda: np.float32(0.5),
    "nested": lambda: {"users": [User("ada", 36), {"tags": {"a", "b"}, "at": (1.5, None)}]},
}


@pytest.mark.parametrize("name", CASES)
def test_a_digest_stays_as_it_was(name: str) -> None:
    assert fingerprint(CASES[name]()).hex() == STORED[name]


def test_the_fallback_and_the_arguments_stay_as_they_were() -> None:
    assert fingerprint(Foreign(), lambda _: b"state").hex() == STORED["fallback"]
    assert fingerprint_arguments(["x", "y"], (1, 2)).hex() == STORED["arguments"]
    assert fingerprint_arguments([], ()).hex() == STORED["no arguments"]


def test_every_stored_digest_is_checked_and_no_two_are_equal() -> None:
    assert set(STORED) == {*CASES, "fallback", "arguments", "no arguments"}
    assert len(set(STORED.values())) == len(STORED) >= 70
