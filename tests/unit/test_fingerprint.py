"""Fingerprints, case by case: what is accepted, what is refused and how the refusal reads."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import sys
import threading
import tracemalloc
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from pynenc._core import fingerprint, fingerprint_arguments, forget_remembered_fingerprints
from pynenc.exceptions import FingerprintError


@dataclasses.dataclass
class User:
    name: str
    created: object = None


@dataclasses.dataclass
class Admin(User):
    rights: int = 0


class Grown(User):
    """Below a dataclass, and free to hold more than the declared fields."""


class Pair(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1
    SHAPE = object()


class Flags(enum.Flag):
    A = 1
    B = 2


class Text(str):  # noqa: SLOT000 - it carries attributes
    def __len__(self) -> int:
        return 0

    def encode(self, *_: object) -> bytes:
        return b"overridden"


class Numbers(list[int]):
    def __getitem__(self, _: object) -> Any:
        raise AssertionError


class Words(set[str]):
    def __iter__(self) -> Any:
        raise AssertionError


class Unknown:
    pass


def message(value: object, fallback: Callable[[object], bytes] | None = None) -> str:
    with pytest.raises(FingerprintError) as caught:
        fingerprint_arguments(["user"], [value], fallback)
    return str(caught.value)


# -- what tells two values apart ------------------------------------------------------------------
def all_different(*values: object) -> bool:
    return len({fingerprint(value) for value in values}) == len(values)


def test_types_that_compare_equal_differ() -> None:
    assert all_different(
        1, 1.0, True, "1", b"1", decimal.Decimal(1), np.int64(1), np.float64(1), [1], (1,), {1}, {1: 1}
    )
    assert all_different({1}, frozenset({1}), [1], (1,))
    assert all_different(User("a"), Admin("a"), ("a", None), {"name": "a", "created": None})
    assert all_different(Pair(1, 2), (1, 2), [1, 2])
    assert all_different("a", Text("a"), b"a", bytearray(b"a"), memoryview(b"a"), array.array("b", b"a"))
    assert all_different(
        {}, collections.OrderedDict(), collections.Counter(), set(), frozenset(), [], (), "", b"", None
    )


def test_zeros_differ_and_nans_do_not() -> None:
    assert all_different(0, 0.0, -0.0, False, None, "")
    assert fingerprint(float("nan")) == fingerprint(-float("nan")) == fingerprint(float("inf") - float("inf"))
    assert fingerprint({float("nan"): 1, 2: 3}) == fingerprint({2: 3, float("nan"): 1})


def test_nesting_counts() -> None:
    assert all_different([], [[]], [[], []], [[[]]], [()], ([],))
    assert all_different(["a", "b"], ["ab"], ["", "ab"], "ab", [["a"], "b"], [["a", "b"]])
    assert all_different({"a": {"b": 1}}, {"a": {}, "b": 1}, {"a": "b"}, {"b": "a"})


def test_a_shared_object_is_no_recursion() -> None:
    shared = [1]
    assert fingerprint([shared, shared, (shared,)]) == fingerprint([[1], [1], ([1],)])


def test_subclasses_are_read_beneath_their_methods() -> None:
    assert all_different(Text("abc"), Text("abd"), Text("x" * 5_000), Text("x" * 4_999 + "y"), Text("é" * 300))
    assert all_different(Numbers([1, 2]), Numbers([1, 3]))
    assert all_different(Words({"a"}), Words({"b"}))
    assert fingerprint(Words({"a", "b"})) == fingerprint(Words({"b", "a"}))
    assert all_different(collections.Counter("aab"), collections.Counter("abb"))


def test_attributes_of_a_subclass_count() -> None:
    plain, marked = Text("a"), Text("a")
    marked.note = 1  # type: ignore[attr-defined]
    assert all_different(plain, marked)
    del marked.note  # type: ignore[attr-defined]
    assert fingerprint(marked) == fingerprint(plain)


def test_field_names_count() -> None:
    one = collections.namedtuple("one", "x y")(1, 2)  # noqa: PYI024
    other = collections.namedtuple("one", "x z")(1, 2)  # noqa: PYI024
    assert all_different(one, other)
    left = dataclasses.make_dataclass("Made", ["a"])(1)
    right = dataclasses.make_dataclass("Made", ["b"])(1)
    assert all_different(left, right)


def test_an_ordered_dict_keeps_its_order() -> None:
    there = collections.OrderedDict(a=1, b=2)
    back = collections.OrderedDict(b=2, a=1)
    assert all_different(there, back)
    back.move_to_end("b")
    assert fingerprint(back) == fingerprint(there)


def test_enum_members_are_their_class_and_name() -> None:
    assert all_different(Colour.RED, Colour.SHAPE, Flags.A, Flags.A | Flags.B, Flags(0))
    assert fingerprint(Flags.A | Flags.B) == fingerprint(Flags.B | Flags.A)
    one, other = enum.Enum("Made", {"A": (1, 2)}), enum.Enum("Made", {"A": (1, 3)})
    assert all_different(one.A, other.A)  # type: ignore[attr-defined]


def test_moments() -> None:
    naive = dt.datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001
    rome = zoneinfo.ZoneInfo("Europe/Rome")
    hour = dt.timedelta(hours=1)
    assert all_different(
        naive,
        naive.replace(fold=1),
        naive.replace(microsecond=1),
        naive.replace(tzinfo=dt.UTC),
        naive.replace(tzinfo=dt.timezone(hour)),
        naive.replace(tzinfo=dt.timezone(hour, "X")),
        naive.replace(tzinfo=rome),
        naive.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        naive.date(),
        naive.time(),
        naive.time().replace(tzinfo=rome),
        hour,
        -hour,
    )
    assert fingerprint(naive.replace(tzinfo=rome)) == fingerprint(
        naive.replace(tzinfo=zoneinfo.ZoneInfo("Europe/Rome"))
    )
    assert fingerprint(dt.timedelta(minutes=60)) == fingerprint(hour)


def test_decimals_do_not_depend_on_the_context() -> None:
    assert all_different(*map(decimal.Decimal, ["1", "1.0", "1E+5", "100000", "-0", "0", "NaN", "sNaN", "Infinity"]))
    value = decimal.Decimal("1E+5")
    before = fingerprint(value)
    with decimal.localcontext(capitals=0):
        assert fingerprint(value) == before


# -- numpy ----------------------------------------------------------------------------------------
def test_dtype_shape_and_order_of_bytes_count() -> None:
    plain = np.arange(6, dtype="<i8")
    assert all_different(
        plain,
        plain.reshape(2, 3),
        plain.reshape(3, 2),
        plain.astype("<i4"),
        plain.astype("<f8"),
        plain.astype("<u8"),
        plain.astype(">i8"),
        plain.tolist(),
        memoryview(plain),
    )
    assert fingerprint(plain.astype(np.longlong)) == fingerprint(plain)
    assert all_different(np.zeros((0, 3)), np.zeros((3, 0)), np.zeros(0), np.array(0.0), np.float64(0), 0.0)


def test_dates_count_with_their_unit() -> None:
    seconds = np.array([0, 1], "M8[s]")
    assert all_different(seconds, seconds.astype("M8[ms]"), seconds.astype("i8"), seconds.view("m8[s]"))
    assert all_different(np.datetime64(1, "s"), np.datetime64(1, "ms"), np.timedelta64(1, "s"))
    assert all_different(np.zeros(1_000, "M8[s]"), np.ones(1_000, "M8[s]"))
    table = np.zeros((40, 40), "M8[D]")
    assert fingerprint(table[::2]) == fingerprint(table[::2].copy())


def test_structured_arrays() -> None:
    one = np.zeros(3, [("a", "<i8"), ("b", "<f4")])
    assert all_different(one, np.zeros(3, [("a", "<i8"), ("c", "<f4")]), np.zeros(3, [("a", "<i8"), ("b", "<i4")]))
    padded = np.zeros(3, np.dtype([("a", "i1"), ("b", "<i4")], align=True))
    assert "padding" in message(padded)
    assert len(fingerprint(padded, lambda _: b"x")) == 32


@pytest.mark.parametrize(
    "array_",
    [
        np.array([object()]),
        np.zeros(2, np.longdouble),
        np.ma.array([1, 2], mask=[0, 1]),
        np.zeros(2, [("a", "<i8")]).view(np.recarray),
    ],
    ids=["object", "longdouble", "masked", "recarray"],
)
def test_arrays_that_are_more_or_less_than_their_bits(array_: Any) -> None:
    assert type(array_).__qualname__ in message(array_)
    assert fingerprint(array_, lambda _: b"1") != fingerprint(array_, lambda _: b"2")


def test_views_of_arrays() -> None:
    table = np.arange(2_000_000, dtype="<i8").reshape(1_000, 2_000)
    for view in (table[::2], table[:, ::3], table.T, table[::-1], table[1:, 1:]):
        assert fingerprint(view) == fingerprint(view.copy())


# -- what is refused ------------------------------------------------------------------------------
def test_the_path_leads_to_the_value() -> None:
    assert message(User("a", Unknown())).startswith("args.user.created: a value of type ")
    assert "test_fingerprint.Unknown" in message(Unknown())
    assert message({"created": [1, Unknown()]}).startswith("args.user.created[1]:")
    assert message({"a b": Unknown()}).startswith('args.user["a b"]:')
    assert message({7: (Unknown(),)}).startswith("args.user[7][0]:")
    assert message({Unknown(): 1}).startswith("args.user.keys()[0]:")
    assert message({Unknown()}).startswith("args.user{member}:")
    assert message(collections.OrderedDict(a=Unknown())).startswith("args.user.a:")
    assert message(Grown("a")).startswith("args.user: a value of type ")
    with pytest.raises(FingerprintError, match=r"^value\[0\]: a value of type "):
        fingerprint([Unknown()])


def test_the_error_says_what_is_accepted() -> None:
    text = message(Path().stat())
    assert "os.stat_result" in text
    assert "accepted: None, bool, int" in text


def test_recursion_is_named() -> None:
    loop: list[Any] = [1]
    loop.append({"again": loop})
    assert message(loop) == "args.user[1].again: the list contains itself"
    user = User("a")
    user.created = user
    assert "contains itself" in message(user)


def test_depth_has_a_limit() -> None:
    value: Any = 1
    for _ in range(64):
        value = [value]
    assert len(fingerprint(value)) == 32
    assert message([value]).endswith("values are nested more than 64 levels deep")


def test_a_missing_field_is_named() -> None:
    broken = User("a")
    del broken.name
    assert message(broken).startswith("args.user.name: the field cannot be read: AttributeError")


def test_a_released_view_is_named() -> None:
    view = memoryview(b"abc")
    view.release()
    assert "released memoryview" in message(view)


# -- the fallback ---------------------------------------------------------------------------------
def test_the_fallback_is_qualified_by_the_type() -> None:
    class Other:
        pass

    assert fingerprint(Unknown(), lambda _: b"x") != fingerprint(Other(), lambda _: b"x")
    assert fingerprint(Unknown(), lambda _: b"x") != fingerprint(b"x")
    assert fingerprint(Unknown(), lambda _: b"x") == fingerprint(Unknown(), lambda _: b"x")


def test_what_the_fallback_raises_is_the_cause() -> None:
    def fails(_: object) -> bytes:
        raise KeyError("inner")

    with pytest.raises(
        FingerprintError, match=r"^value\[0\]: .*Unknown cannot be turned into bytes: KeyError"
    ) as caught:
        fingerprint([Unknown()], fails)
    assert type(caught.value.__cause__) is KeyError


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_is_not_about_the_value_passes_through(error: type[BaseException]) -> None:
    def interrupted(_: object) -> bytes:
        raise error

    with pytest.raises(error):
        fingerprint([Unknown()], interrupted)


def test_the_fallback_returns_bytes() -> None:
    with pytest.raises(FingerprintError, match="must return bytes, got str"):
        fingerprint(Unknown(), lambda _: "x")  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="callable or None, got int"):
        fingerprint(Unknown(), 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("container", [list, dict, set, collections.OrderedDict])
def test_a_value_that_changes_meanwhile(container: type[Any]) -> None:
    def grow(_: object) -> bytes:
        if container is list:
            value.append(1)
        elif container is set:
            value.add(1)
        else:
            value[1] = 1
        return b""

    value: Any = {Unknown()} if container is set else [Unknown()] if container is list else container({"a": Unknown()})
    with pytest.raises(FingerprintError, match=r"chang|mutat"):
        fingerprint(value, grow)


# -- arguments ------------------------------------------------------------------------------------
def test_names_and_values_must_fit() -> None:
    with pytest.raises(ValueError, match="2 names for 1 values"):
        fingerprint_arguments(["a", "b"], [1])
    with pytest.raises(ValueError, match='the name "a" is there twice'):
        fingerprint_arguments(["a", "a"], [1, 2])
    assert fingerprint_arguments(["b", "a"], (2, 1)) == fingerprint_arguments(("a", "b"), [1, 2])
    assert fingerprint_arguments(["b", "a"], [1, 2]) != fingerprint_arguments(["a", "b"], [1, 2])
    assert fingerprint_arguments([], []) != fingerprint([])


# -- the identity fast path -----------------------------------------------------------------------
def test_only_what_cannot_change_is_remembered() -> None:
    size = 100_000
    text, data, mutable = "a" * size, b"a" * size, bytearray(size)
    views = [memoryview(data), np.frombuffer(data, np.uint8), memoryview(mutable).toreadonly()]
    forget_remembered_fingerprints()
    before = [sys.getrefcount(value) for value in (text, data, mutable)]
    for value in [text, data, mutable, *views]:
        fingerprint(value)
    del value
    after = [sys.getrefcount(value) for value in (text, data, mutable)]
    assert after == [before[0] + 1, before[1] + 1, before[2]], "the views share the place of their owner"
    forget_remembered_fingerprints()
    assert [sys.getrefcount(value) for value in (text, data, mutable)] == before


@pytest.mark.parametrize("letter", ["a", "é"])
def test_a_subclass_is_not_remembered(letter: str) -> None:
    size = 2_000_000
    value = Text(letter * size)
    forget_remembered_fingerprints()
    tracemalloc.start()
    fingerprint(value)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < size // 2


def test_what_nobody_else_holds_is_let_go() -> None:
    size = 2_000_000
    forget_remembered_fingerprints()
    kept = "k" * size
    fingerprint(kept)
    alone = sys.getrefcount(kept)
    for letter in "abcdefgh":
        fingerprint(letter * size)
    assert sys.getrefcount(kept) == alone
    forget_remembered_fingerprints()
    assert sys.getrefcount(kept) == alone - 1


def test_a_remembered_text_is_found_by_what_it_is() -> None:
    text = "é" * 10_000
    digest = fingerprint(text)
    assert fingerprint(text) == digest
    forget_remembered_fingerprints()
    assert fingerprint(text) == digest
    assert fingerprint([text]) == fingerprint([("é" * 5_000) + ("é" * 5_000)])


@pytest.mark.parametrize("content", [bytearray(4_000_000), "é" * 2_000_000], ids=["buffer", "str"])
def test_large_content_leaves_the_interpreter_to_others(content: object) -> None:
    """No thread is made to give way here, so another one runs only if the interpreter is given up."""
    gate, ran = threading.Lock(), threading.Event()
    gate.acquire()

    def run() -> None:
        with gate:
            ran.set()

    thread = threading.Thread(target=run)
    before = sys.getswitchinterval()
    try:
        thread.start()
        sys.setswitchinterval(1_000)
        gate.release()
        for _ in range(200):
            forget_remembered_fingerprints()
            fingerprint(content)
            if ran.is_set():
                break
        assert ran.is_set()
    finally:
        sys.setswitchinterval(before)
        thread.join()


def test_an_exported_buffer_is_given_back() -> None:
    buffer = bytearray(b"abc")
    fingerprint(buffer)
    fingerprint(memoryview(buffer)[::2])
    buffer.append(1)
    assert bytes(buffer) == b"abc\x01"
