"""Fingerprints: equal values share a digest, different ones never do, in this process and in others."""

from __future__ import annotations

import array
import dataclasses
import datetime as dt
import decimal
import enum
import os
import subprocess
import sys
import textwrap
import uuid
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pynenc._core import fingerprint, fingerprint_arguments, forget_remembered_fingerprints

LONG = 4_096
"""From this length on, content is hashed apart from what holds it."""


@dataclasses.dataclass
class Point:
    x: object
    y: object = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Pixel:
    x: object
    y: object = 0


class Pair(NamedTuple):
    x: object
    y: object = 0


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Name(str):  # noqa: SLOT000 - it may carry attributes, as most such classes
    pass


def canonical(value: Any) -> Any:
    """What a fingerprint tells apart, as something hashable: the reference the digests are held against."""
    kind = type(value)
    match value:
        case float():
            return (kind, repr(value))
        case list() | tuple():
            return (kind, tuple(canonical(item) for item in value))
        case dict():
            return (kind, frozenset((canonical(key), canonical(item)) for key, item in value.items()))
        case set() | frozenset():
            return (kind, frozenset(canonical(member) for member in value))
        case Point() | Pixel():
            return (kind, canonical(value.x), canonical(value.y))
        case enum.Enum():
            return (kind, value.name)
        case dt.datetime() | dt.time():
            zone = None if value.tzinfo is None else (type(value.tzinfo), value.utcoffset(), value.tzname())
            return (kind, value.replace(tzinfo=None, fold=0), value.fold, zone)
        case decimal.Decimal():
            return (kind, str(value))
        case bytearray() | array.array():
            return (kind, getattr(value, "typecode", None), bytes(value))
        case _:
            return (kind, value)


atoms: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2, 0.0, -0.0, 1.0, float("nan"), "", "0", "1", b"", b"1", "True", "None"]),
    st.integers(),
    st.integers(min_value=-(2**200), max_value=2**200),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=6),
    st.binary(max_size=6),
)
leaves: st.SearchStrategy[Any] = st.one_of(
    atoms,
    st.sampled_from([*Colour, *Level]),
    st.datetimes(),
    st.datetimes(timezones=st.just(dt.UTC)),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals(),
    st.uuids(),
    st.builds(bytearray, st.binary(max_size=4)),
    st.builds(array.array, st.sampled_from("bBhiq"), st.lists(st.integers(0, 3), max_size=3)),
)
hashable = st.recursive(
    st.one_of(atoms, st.dates(), st.uuids(), st.sampled_from([*Colour])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3), st.builds(Pair, inner, inner)
    ),
    max_leaves=4,
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(hashable, inner, max_size=4),
        st.sets(hashable, max_size=4),
        st.builds(Point, inner, inner),
        st.builds(Pixel, inner, inner),
        st.builds(Pair, inner, inner),
    ),
    max_leaves=8,
)


@given(values, values)
def test_equal_values_share_a_digest_and_different_ones_do_not(left: Any, right: Any) -> None:
    assert (canonical(left) == canonical(right)) == (fingerprint(left) == fingerprint(right))


@given(values)
def test_a_digest_is_32_bytes_and_repeatable(value: Any) -> None:
    digest = fingerprint(value)
    assert type(digest) is bytes
    assert len(digest) == 32
    assert fingerprint(value) == digest
    assert fingerprint([value]) != digest


@given(values)
def test_the_fallback_is_not_asked_for_known_types(value: Any) -> None:
    asked: list[object] = []

    def fallback(unknown: object) -> bytes:
        asked.append(unknown)
        return b""

    assert fingerprint(value, fallback) == fingerprint(value)
    assert asked == []


@given(st.lists(st.tuples(hashable, values), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_a_dict_does_not_matter(items: list[tuple[Any, Any]], random: Any) -> None:
    there = dict(items)
    shuffled = list(there.items())
    random.shuffle(shuffled)
    assert fingerprint(dict(shuffled)) == fingerprint(there)


@given(st.dictionaries(st.text("abcdé", min_size=1, max_size=3), values, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_parameters_does_not_matter(arguments: dict[str, Any], random: Any) -> None:
    shuffled = list(arguments.items())
    random.shuffle(shuffled)
    digest = fingerprint_arguments(list(arguments), list(arguments.values()))
    assert fingerprint_arguments([name for name, _ in shuffled], tuple(value for _, value in shuffled)) == digest


@given(st.integers(LONG - 3, LONG + 3), st.integers(0, LONG - 4), st.sampled_from(["a", "é", "€", "😀", "\ud800"]))
def test_one_different_character_in_a_long_text_counts(size: int, at: int, letter: str) -> None:
    """Same length, same beginning: the whole content decides."""
    text = letter * size
    other = text[:at] + "b" + text[at + 1 :]
    assert len(other) == len(text)
    assert fingerprint(other) != fingerprint(text)
    assert fingerprint("".join(list(text))) == fingerprint(text)
    assert fingerprint(Name(text)) != fingerprint(text)


@given(
    st.binary(min_size=1, max_size=9), st.one_of(st.integers(0, 9), st.integers(LONG - 2, LONG * 4)), st.integers(1, 5)
)
def test_bytes_and_views_of_them_tell_their_type(unit: bytes, size: int, step: int) -> None:
    data = (unit * size)[:size]
    view = memoryview(data)
    assert fingerprint(view) == fingerprint(memoryview(bytearray(data)))
    assert fingerprint(view[::step]) == fingerprint(memoryview(data[::step]))
    forms: list[object] = [data, bytearray(data), view, np.frombuffer(data, np.uint8), array.array("B", data)]
    assert len({fingerprint(form) for form in forms}) == len(forms)


dtypes = st.sampled_from(
    ["i1", "u1", "<i4", ">i4", "<i8", ">i8", "<f4", "<f8", "?", "c16", "S3", "U2", "M8[s]", "m8[ms]"]
)


@settings(max_examples=200)
@given(
    dtypes,
    st.lists(st.integers(0, 4), max_size=3),
    st.integers(1, 3),
    st.sampled_from(["C", "F", "strided", "reversed", "offset"]),
)
def test_an_array_has_the_digest_of_its_contiguous_copy(dtype: str, shape: list[int], step: int, how: str) -> None:
    size = int(np.prod(shape, dtype=int))
    plain = np.arange(size * step, dtype="i8").astype(dtype).reshape([*shape[:-1], -1] if size else [0])
    match how:
        case "F":
            odd = np.asfortranarray(plain)
        case "strided":
            odd = plain[..., ::step]
        case "reversed":
            odd = plain[::-1]
        case "offset":
            raw = np.zeros(plain.nbytes + 1, np.uint8)
            odd = raw[1:].view(dtype).reshape(plain.shape) if plain.size else plain
            odd[...] = plain
        case _:
            odd = plain
    copy = np.array(odd, order="C", copy=True)
    assert fingerprint(odd) == fingerprint(copy)
    assert fingerprint(odd) != fingerprint(copy.tobytes())
    if copy.size > 1:
        assert fingerprint(odd) != fingerprint(copy.reshape([1, *copy.shape]))
        changed = copy.copy()
        changed.flat[0] = changed.flat[-1]
        if changed.tobytes() != copy.tobytes():
            assert fingerprint(changed) != fingerprint(odd)


@given(st.binary(min_size=1, max_size=9), st.integers(LONG, LONG + 8), st.integers(0, LONG - 1))
def test_content_that_can_change_is_hashed_again(unit: bytes, size: int, at: int) -> None:
    buffer = bytearray((unit * size)[:size])
    view = memoryview(buffer)
    whole = np.frombuffer(buffer, np.uint8)
    read_only = view.toreadonly()
    before = [fingerprint(form) for form in (buffer, view, whole, read_only)]
    buffer[at] ^= 1
    after = [fingerprint(form) for form in (buffer, view, whole, read_only)]
    assert all(new != old for new, old in zip(after, before, strict=True))
    buffer[at] ^= 1
    assert [fingerprint(form) for form in (buffer, view, whole, read_only)] == before


@given(st.lists(st.sampled_from(["a", "é", b"a"]), min_size=2, max_size=12), st.integers(LONG, LONG + 2))
def test_a_new_object_at_an_old_address_has_its_own_digest(units: list[Any], size: int) -> None:
    """Short-lived objects of one size: their memory is used over and over."""
    forget_remembered_fingerprints()
    expected: dict[tuple[object, int], bytes] = {}
    for round_, unit in enumerate(units * 3):
        extra = round_ % 3
        filler = b"xyz"[extra : extra + 1] if isinstance(unit, bytes) else "xyz"[extra]
        digest = fingerprint(unit * (size - 1) + filler)
        assert expected.setdefault((unit, extra), digest) == digest
    assert len(set(expected.values())) == len(expected)


def test_the_same_hash_is_not_the_same_value() -> None:
    assert hash(-1) == hash(-2)
    assert fingerprint(-1) != fingerprint(-2)
    assert hash(2**61) == hash(1)
    assert fingerprint(2**61) != fingerprint(1)
    ones: list[object] = [
        1,
        1.0,
        True,
        "1",
        b"1",
        decimal.Decimal(1),
        np.int64(1),
        np.float64(1),
        Level.LOW,
        Colour.RED,
    ]
    assert len({fingerprint(one) for one in ones}) == len(ones)


PROGRAM = textwrap.dedent(
    """
    import datetime, decimal, enum, sys, uuid
    from pynenc._core import fingerprint

    class Colour(enum.Enum):
        RED = 1

    words = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}
    value = [
        words,
        frozenset(words),
        dict.fromkeys(words, 1),
        {(word, Colour.RED): {word} for word in words},
        datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC),
        decimal.Decimal("1.50"),
        uuid.UUID(int=7),
        "x" * 5000,
        1.5,
        2**100,
    ]
    sys.stdout.write(fingerprint(value).hex())
    """
)


def test_processes_with_different_hash_seeds_agree() -> None:
    digests = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        digests.add(ended.stdout)
    assert len(digests) == 1
    assert len(digests.pop()) == 64


@pytest.mark.parametrize("value", [uuid.UUID(int=1), Point(1), Pair(1), Colour.RED])
def test_a_value_made_twice_has_one_digest(value: Any) -> None:
    twin = dataclasses.replace(value) if isinstance(value, Point) else value
    assert fingerprint({"a": twin}) == fingerprint({"a": value})
