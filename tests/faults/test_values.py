"""Values that travel, and values that cannot: the caller is told, and no worker ever meets them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import math
import struct
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from pynenc.exceptions import RemoteTaskError, ResultSerializationError, SerializationError
from tests.faults.rig.report import Row

BOUND_S = 60.0
NAN_WITH_BITS = struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\x7f")[0]

TRAVELS: dict[str, Any] = {
    "inf": math.inf,
    "minus inf": -math.inf,
    "minus zero": -0.0,
    "large int": 10**400,
    "negative large int": -(10**400),
    "lone surrogate": "a\ud800b",
    "nul": "a\0b",
    "empty text": "",
    "line ends": "a\r\nb\n$3\r\n",
    "bytes": bytes(range(256)),
    "set": {1, 2, 3},
    "tuple keys": {(1, "a"): {(2,): 3}},
    "bytes keys": {b"\0": b"\xff"},
    "nested": {"a": [1, (2, {"b": {3}})]},
    "long key": {"k" * 100_000: 1},
    "none in all": [None, {None: None}, (None,)],
    "bools are no ints": [True, 1, False, 0],
    "decimal": decimal.Decimal("1.10"),
    "uuid": uuid.UUID(int=7),
    "aware moment": dt.datetime(2024, 2, 29, 1, 30, tzinfo=dt.UTC),
    "a large text": "pynenc \u20ac " * 50_000,
}


class Hostile:
    """Every method that somebody might call along the way raises."""

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError("eq")

    def __hash__(self) -> int:
        raise ArithmeticError("hash")

    def __repr__(self) -> str:
        raise ArithmeticError("repr")


class Bomb:
    """Would run code where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return sys.exit, (3,)


@dataclasses.dataclass
class Holder:
    """Has something inside that cannot be sent."""

    created: Any


def endless() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def deep() -> list[Any]:
    found: list[Any] = []
    for _ in range(5_000):
        found = [found]
    return found


STAYS: dict[str, tuple[Callable[[], Any], str]] = {
    "generator": (lambda: (number for number in ()), ""),
    "lock": (threading.Lock, ""),
    "lambda": (lambda: lambda: 0, ""),
    "open file": (lambda: sys.__stdin__, ""),
    "hostile": (Hostile, ""),
    "bomb": (Bomb, ""),
    "recursive": (endless, "[0]"),
    "too deep": (deep, "[0]"),
    "in a dataclass": (lambda: Holder(threading.Lock()), ".created"),
    "in a dict": (lambda: {"user": {"created": threading.Lock()}}, ".user.created"),
}


@pytest.fixture
def cluster(new_cluster):
    cluster = new_cluster()
    cluster.worker()
    return cluster


def test_t35_what_travels_comes_back_identical(cluster, record) -> None:
    invocations = {name: cluster.task("echo")(value) for name, value in TRAVELS.items()}
    for name, one in invocations.items():
        found = one.get(timeout=BOUND_S)
        assert found == TRAVELS[name], name
        assert type(found) is type(TRAVELS[name]), name
        assert repr(found) == repr(TRAVELS[name]) or isinstance(found, set)
    nan = cluster.task("echo")([math.nan, NAN_WITH_BITS])
    assert all(map(math.isnan, nan.get(timeout=BOUND_S)))
    record(cluster.check(Row("T35", "odd values", len(TRAVELS) + 1), [*invocations.values(), nan]))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_t35_what_cannot_travel_is_refused_at_the_caller_with_its_path(cluster, record) -> None:
    for name, (make, path) in STAYS.items():
        value = make()
        with pytest.raises(SerializationError) as caught:
            cluster.task("echo")(value)
        assert caught.value.path.startswith(f"args.value{path}"), (name, caught.value.path)
        with pytest.raises(SerializationError):
            cluster.task("echo").parallelize([(1,), (value,)])
    assert sum(cluster.engine.counts().values()) == 0
    assert cluster.witness.starts() == []
    record(Row("T35", "values that cannot be sent", len(STAYS)))


@pytest.mark.parametrize("what", ["lock", "deep", "hostile"])
def test_t35_a_result_that_cannot_travel_fails_where_it_is_read(cluster, what, record) -> None:
    one = cluster.task("gives")(what)
    with pytest.raises((ResultSerializationError, RemoteTaskError)):
        one.get(timeout=BOUND_S)
    after = cluster.task("echo")(1)
    assert after.get(timeout=BOUND_S) == 1
    record(cluster.check(Row("T35", f"a result that cannot be sent: {what}", 1), [one, after]))
