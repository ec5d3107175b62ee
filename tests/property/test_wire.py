"""What arrives equals what was sent; whatever arrives that nobody sent does nothing but fail."""

from __future__ import annotations

import math
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pynenc._core import TaskWire
from pynenc.arguments import parameters_of
from pynenc.exceptions import SerializationError, UntrustedPayloadError
from pynenc.serializer import JsonSerializer, PickleSerializer
from pynenc.serializer.base_serializer import BaseSerializer
from pynenc.serializer.task_codec import TaskCodec

ONE = "00000000-0000-8000-8000-000000000001"
KEY = b"a key of sixteen or more bytes"


def body(a: Any, b: Any = None, *rest: Any, c: Any = None, **named: Any) -> None: ...


def wire_of(serializer: BaseSerializer) -> TaskWire:
    return TaskWire(TaskCodec(serializer, "shop", "m.f", dict), "m.f", parameters_of(body))


PLAIN = wire_of(JsonSerializer())
WIRES = [PLAIN, wire_of(JsonSerializer(KEY)), wire_of(PickleSerializer(KEY))]

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(exclude_categories=())),
    st.binary(),
    st.datetimes(),
    st.decimals(allow_nan=False),
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
calls = st.tuples(
    values, values, st.lists(values, max_size=3).map(tuple), values, st.dictionaries(st.text(), values, max_size=3)
)


def same(left: Any, right: Any) -> bool:
    """Equal, of one type, at every level; NaN equals itself, and zeros differ by their signs."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


@given(call=calls, wire=st.sampled_from(WIRES))
def test_what_arrives_is_what_was_sent(call: tuple[Any, ...], wire: TaskWire) -> None:
    assert same(wire.decode_call(wire.encode_call(call, ONE), ONE), call)


@given(value=values, wire=st.sampled_from(WIRES), attempt=st.integers(1, 2**32 - 1))
def test_a_result_arrives_as_it_was_returned(value: Any, wire: TaskWire, attempt: int) -> None:
    assert same(wire.decode_result(wire.encode_result(value, ONE, attempt), ONE), value)


@given(call=calls, data=st.data(), wire=st.sampled_from(WIRES))
def test_a_payload_cut_short_is_refused(call: tuple[Any, ...], data: st.DataObject, wire: TaskWire) -> None:
    payload = wire.encode_call(call, ONE)
    length = data.draw(st.integers(0, len(payload) - 1))
    with pytest.raises((SerializationError, UntrustedPayloadError)):
        wire.decode_call(payload[:length], ONE)


@given(call=calls, extra=st.binary(min_size=1), wire=st.sampled_from(WIRES))
def test_a_payload_with_something_behind_it_is_refused(call: tuple[Any, ...], extra: bytes, wire: TaskWire) -> None:
    with pytest.raises((SerializationError, UntrustedPayloadError)):
        wire.decode_call(wire.encode_call(call, ONE) + extra, ONE)


@given(call=calls, data=st.data())
def test_a_changed_payload_gives_values_or_an_error(call: tuple[Any, ...], data: st.DataObject) -> None:
    payload = bytearray(PLAIN.encode_call(call, ONE))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    with suppress(SerializationError, UntrustedPayloadError):
        assert len(PLAIN.decode_call(bytes(payload), ONE)) == 5


@given(payload=st.binary())
@example(b"\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
@example(b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
@example(b"\x01\x01\x01a\x01\x04")
@example(b"\x01\x01\x01a\x0a\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00")
@example(b'\x01\x01\x01a\x0eJ{"$exec":"x"}')
@example(b"\x01\x01\x01a\x04Pcos")
@example(b"S\x01\x08")
def test_whatever_arrives_does_nothing_but_fail(payload: bytes) -> None:
    """It names no class, imports nothing and takes no memory beyond its own size; a value at most comes out."""
    before = set(sys.modules)
    for wire in WIRES:
        for read in (wire.decode_call, wire.decode_result, wire.decode_error):
            with suppress(SerializationError, UntrustedPayloadError):
                read(payload, ONE)
    assert set(sys.modules) - before <= KNOWN


KNOWN = {name for name in sys.modules if name.startswith("pynenc")} | {
    # Parts of this library and of its parser that are loaded when first needed, whatever the data says.
    "pynenc.model.error_record",
    "pynenc.model.outcome",
    "pynenc.serializer.json_reader",
    "msgspec",
    "msgspec.json",
}
