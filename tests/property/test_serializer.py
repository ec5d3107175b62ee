"""Whatever is written comes back the same; whatever is read that nobody wrote does nothing but fail."""

from __future__ import annotations

import enum
import math
import string
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pynenc.exceptions import SerializationError, UntrustedPayloadError
from pynenc.model.outcome import ErrorRecord, decode_error, encode_error
from pynenc.serializer import JsonSerializer, KeyRing, Limits, SigningContext
from pynenc.serializer.json_writer import TreeWriter
from pynenc.serializer.round_trip import round_trip
from pynenc.serializer.scalars import READERS

JSON = JsonSerializer()
SIGNED = JsonSerializer(b"a key of sixteen or more bytes")

CONTAINER_TAGS = ("$tuple", "$set", "$frozenset", "$dict", "$named", "$enum", "$obj", "$raw")
TAGS = (*CONTAINER_TAGS, *READERS)
# Any code point, lone surrogates too.
texts = st.text(st.characters(exclude_categories=())) | st.sampled_from(TAGS)
zones = st.none() | st.just(UTC) | st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    texts,
    st.binary(),
    st.complex_numbers(),
    st.dates(),
    st.datetimes(timezones=zones),
    st.times(),
    st.timedeltas(),
    st.decimals(),
    st.uuids(),
)
hashable = st.recursive(
    leaves.filter(lambda value: not _unhashable(value)),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values = st.recursive(
    leaves | st.binary().map(bytearray),
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(texts, inner),
        st.dictionaries(hashable, inner),
        st.sets(hashable),
        st.frozensets(hashable),
        st.sampled_from(TAGS).flatmap(lambda tag: inner.map(lambda value: {tag: value})),
    ),
    max_leaves=20,
)


def _unhashable(value: object) -> bool:
    try:
        hash(value)
    except (TypeError, ValueError):  # a signalling NaN has no hash
        return True
    return False


def same(left: Any, right: Any) -> bool:
    """Equal and of equal types all the way down; a NaN is the same as a NaN, zeros keep their sign."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, set | frozenset):
        rest = list(right)
        for each in left:
            match = next((at for at, other in enumerate(rest) if same(each, other)), None)
            if match is None:
                return False
            del rest[match]
        return not rest
    if isinstance(left, float):
        return repr(left) == repr(right)
    if isinstance(left, complex):
        return same((left.real, left.imag), (right.real, right.imag))
    if isinstance(left, Decimal):
        return str(left) == str(right)
    return bool(left == right)


@given(values)
@example({"$tuple": []})
@example(datetime(2000, 1, 1, tzinfo=timezone(timedelta(microseconds=1))))
@example([{"$dict": [["$dict", 1]]}])
@example(["\ud83d\ude00", "\ud83d", {"\udfff": 0}])
@example([10**5000, -(2**63), 2**64 - 1, 2**64])
@example([[math.nan, math.inf, -0.0], {"x": -math.inf}])
def test_json_round_trip_is_the_identity(value: Any) -> None:
    assert same(round_trip(value, JSON), value)


@given(values)
def test_plain_text_and_signed_envelopes_hold_the_same(value: Any) -> None:
    assert same(round_trip(value, SIGNED), value)
    assert same(JSON.deserialize(JSON.serialize(value)), value)


@given(values)
def test_an_unfitting_annotation_changes_no_value_that_needs_none(value: Any) -> None:
    for annotation in (int, list[str], dict[str, Record], Record | None, tuple[Kind, ...]):
        assert same(round_trip(value, JSON, annotation), value)


@given(values)
def test_both_ways_of_writing_mean_the_same(value: Any) -> None:
    import msgspec

    careful = msgspec.json.encode(TreeWriter(Limits(), careful=True).write(value, "value"))
    assert same(JSON.deserialize(careful), value)


@given(st.recursive(st.integers() | st.text(), st.lists, max_leaves=10))
def test_what_comes_back_shares_nothing_with_what_was_sent(value: Any) -> None:
    if isinstance(value, list):
        came = round_trip(value, JSON)
        came.append("more")
        assert len(came) == len(value) + 1


class Kind(enum.Enum):
    ONE = 1
    TWO = "two"
    THREE = (3, "three")


class Row(NamedTuple):
    at: int
    kind: Kind


@dataclass(frozen=True)
class Key:
    part: int | str


@dataclass
class Record:
    name: str
    kind: Kind | None
    rows: tuple[Row, ...] = ()
    by_key: dict[Key, list[Record]] = field(default_factory=dict)
    keys: frozenset[Key] = frozenset()
    extra: Any = None


keys = st.builds(Key, st.integers() | texts)
kinds = st.sampled_from(Kind)
records = st.recursive(
    st.builds(Record, texts, kinds | st.none(), st.lists(st.builds(Row, st.integers(), kinds)).map(tuple)),
    lambda inner: st.builds(
        Record,
        texts,
        kinds,
        by_key=st.dictionaries(keys, st.lists(inner, max_size=2), max_size=2),
        keys=st.frozensets(keys),
        extra=st.dictionaries(texts, st.integers()),
    ),
    max_leaves=5,
)


@given(records)
def test_typed_values_come_back_through_their_annotation(record: Record) -> None:
    assert round_trip(record, JSON, Record) == record
    assert round_trip([record, None], JSON, list[Record | None]) == [record, None]


@given(
    hnp.arrays(
        st.one_of(
            hnp.scalar_dtypes(),
            hnp.unicode_string_dtypes(),
            hnp.byte_string_dtypes(),
        ),
        hnp.array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=4),
        fill=st.nothing(),
    ),
    st.booleans(),
)
def test_numpy_round_trip_is_the_identity(value: np.ndarray[Any, Any], transposed: bool) -> None:
    sent = value.T if transposed else value
    for came in (JSON.decode(JSON.encode(sent)), JSON.decode(JSON.encode([sent]))[0]):
        assert came.dtype == sent.dtype
        assert came.shape == sent.shape
        assert came.tobytes() == sent.tobytes()


def forbidden(calls: list[str]) -> Any:
    refused = ("import", "exec", "compile", "open", "os.", "subprocess.", "socket.", "ctypes.", "pickle.", "shutil.")

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if WATCH and event.startswith(refused):
            calls.append(f"{event} {args[:1]}")

    return hook


WATCH: list[bool] = []
CALLS: list[str] = []
sys.addaudithook(forbidden(CALLS))
READ_ERRORS = (SerializationError, UntrustedPayloadError)


def read_watched(serializer: Any, data: bytes, annotation: Any = None) -> None:
    """Decode; only a named error may come of it, and nothing is imported, opened or called."""
    with suppress(*READ_ERRORS):  # what is imported once, whatever is read
        serializer.decode(b'J{"$datetime":["2024-01-01T00:00:00",0,"Europe/Paris"]}')
    CALLS.clear()
    WATCH.append(True)
    try:
        serializer.decode(data, annotation)
    except READ_ERRORS:
        pass
    finally:
        WATCH.clear()
    assert CALLS == []


@given(st.binary(), st.sampled_from([b"", b"J", b"R", b"Rn", b"RnC", b"Rm", b"Rv", b"Rc", b"S", b"S\x01\x08"]))
def test_bytes_of_anybody_do_nothing_but_fail(data: bytes, start: bytes) -> None:
    read_watched(JSON, start + data)
    read_watched(SIGNED, start + data)


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
        st.sampled_from(TAGS).flatmap(lambda tag: inner.map(lambda value: {tag: value})),
        st.sampled_from(TAGS).flatmap(lambda tag: st.lists(inner, max_size=3).map(lambda value: {tag: value})),
    ),
    max_leaves=15,
)


@given(json_trees, st.sampled_from([None, Record, Kind, list[Record], dict[Key, Kind], Record | Key | Row, set[Key]]))
@example({"$obj": {"__class__": "os.system", "__reduce__": ["os.system", "id"]}}, Record)
@example({"$enum": {"$obj": {}}}, Kind)
@example({"$raw": "UmNDA wAA"}, None)
def test_any_tree_of_tags_does_nothing_but_fail(tree: Any, annotation: Any) -> None:
    import json

    read_watched(JSON, b"J" + json.dumps(tree).encode(), annotation)


@given(values, st.data())
def test_damaged_envelopes_do_nothing_but_fail(value: Any, data: st.DataObject) -> None:
    sent = bytearray(JSON.encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    read_watched(JSON, bytes(sent))


@given(st.text(string.printable), st.sampled_from('[]{}",'), st.integers(0, 2_000))
def test_text_of_anybody_does_nothing_but_fail(text: str, repeated: str, times: int) -> None:
    read_watched(JSON, b"J" + (repeated * times + text).encode())


@given(values, values)
def test_a_signature_fits_one_payload_in_one_place(first: Any, second: Any) -> None:
    ring = KeyRing.of(b"a key of sixteen or more bytes")
    here, there = SigningContext("app", "1", "t"), SigningContext("app", "2", "t")
    one, two = JSON.encode(first), JSON.encode(second)
    head = ring.sign([one], here)
    assert bytes(ring.verify(memoryview(head + one), here)) == one
    moved = [(head + one, there)] + ([(head + two, here)] if one != two else [])
    for payload, context in moved:
        try:
            ring.verify(memoryview(payload), context)
        except UntrustedPayloadError:
            continue
        raise AssertionError("a signature was accepted for something else")


@given(
    st.sampled_from([ValueError, KeyError, RuntimeError, StopIteration, OSError, LookupError]),
    st.lists(values, max_size=3),
)
def test_errors_come_back_with_their_args(kind: type[Exception], args: list[Any]) -> None:
    error = kind(*args)
    came = decode_error(ErrorRecord.from_data(JSON.decode(JSON.encode(encode_error(error).to_data()))))
    assert type(came) is type(error)
    assert same(came.args, error.args)


@given(
    st.sampled_from(sorted(sys.modules)),
    st.text(max_size=8) | st.sampled_from(["system", "Popen", "Exception", "error"]),
)
def test_names_from_a_record_import_and_call_nothing(module: str, qualname: str) -> None:
    CALLS.clear()
    WATCH.append(True)
    try:
        came = decode_error(ErrorRecord(module, qualname, ("echo",), "text"))
    finally:
        WATCH.clear()
    assert isinstance(came, Exception)
    assert CALLS == []
