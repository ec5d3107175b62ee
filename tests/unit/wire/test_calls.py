"""Calls as they travel between processes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pytest

from pynenc._core import TaskWire
from pynenc.arguments import annotations_of, parameters_of
from pynenc.exceptions import ArgumentTooLargeError, SerializationError, UntrustedPayloadError
from pynenc.serializer import CloudpickleSerializer, JsonSerializer, PickleSerializer
from pynenc.serializer.base_serializer import BaseSerializer
from pynenc.serializer.task_codec import TaskCodec

ONE, OTHER = "00000000-0000-8000-8000-000000000001", "00000000-0000-8000-8000-000000000002"
KEY = b"a key of sixteen or more bytes"
SERIALIZERS = {"json": JsonSerializer(), "signed json": JsonSerializer(KEY), "signed pickle": PickleSerializer(KEY)}
LARGEST = 64 * 1024 * 1024


class Colour(Enum):
    RED = "red"


@dataclass
class User:
    name: str
    colour: Colour = Colour.RED


def wire_of(
    func: Callable[..., Any], serializer: BaseSerializer | None = None, app_id: str = "shop", task_id: str = "m.f"
) -> TaskWire:
    parameters = parameters_of(func)
    codec = TaskCodec(serializer or JsonSerializer(), app_id, task_id, lambda: annotations_of(func, parameters))
    return TaskWire(codec, task_id, parameters)


def plain(a: Any, b: Any = 2) -> None: ...
def typed(user: User, colour: Colour, matrix: Any) -> None: ...
def spread(first: int, /, *rest: int, flag: bool = False, **named: str) -> None: ...


SCALARS = [
    None, True, False, 0, 1, -1, 127, 128, -128, -129, 2**31, -(2**31), 2**63 - 1, -(2**63), 2**63, 2**200,
    0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324, "", "text", "grün", "\U0001f600", "\ud800", b"", b"\x00\xff",
]  # fmt: skip


@pytest.mark.parametrize("value", SCALARS, ids=repr)
@pytest.mark.parametrize("serializer", SERIALIZERS.values(), ids=SERIALIZERS)
def test_scalars_arrive_exactly(value: Any, serializer: BaseSerializer) -> None:
    wire = wire_of(plain, serializer)
    arrived = wire.decode_call(wire.encode_call((value, 1), ONE), ONE)[0]
    assert type(arrived) is type(value)
    assert arrived == value
    assert not isinstance(value, float) or math.copysign(1, arrived) == math.copysign(1, value)


def test_a_nan_keeps_its_bits() -> None:
    import struct

    (nan,) = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))
    wire = wire_of(plain)
    (arrived, _) = wire.decode_call(wire.encode_call((nan, 1), ONE), ONE)
    assert struct.pack("<d", arrived) == struct.pack("<d", nan)


def test_a_subclass_of_a_scalar_is_not_taken_for_one() -> None:
    class Name(str):
        __slots__ = ()

    with pytest.raises(SerializationError, match=r"args\.a.*send str"):
        wire_of(plain).encode_call((Name("x"), 1), ONE)


def test_values_come_back_as_the_annotations_say() -> None:
    wire = wire_of(typed)
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    user, colour, arrived = wire.decode_call(wire.encode_call((User("ann"), Colour.RED, matrix), ONE), ONE)
    assert user == User("ann", Colour.RED)
    assert colour is Colour.RED
    assert arrived.dtype == matrix.dtype
    assert arrived.flags.aligned
    np.testing.assert_array_equal(arrived, matrix)


def test_every_kind_of_parameter() -> None:
    wire = wire_of(spread)
    values = (1, (2, 3), True, {"x": "y"})
    assert wire.decode_call(wire.encode_call(values, ONE), ONE) == values


def test_what_cannot_be_written_is_named_by_its_path() -> None:
    with pytest.raises(SerializationError) as caught:
        wire_of(typed).encode_call((User("ann"), Colour.RED, {"created": [object()]}), ONE)
    assert caught.value.path == "args.matrix.created[0]"


def test_an_argument_over_the_limit_names_itself_its_size_and_a_way_out() -> None:
    wire = wire_of(plain)
    assert len(wire.encode_call((bytes(LARGEST - 64), 1), ONE)) < LARGEST
    with pytest.raises(
        ArgumentTooLargeError, match=r"args\.b: takes 67108865 bytes; at most 67108864 .*pass what says"
    ):
        wire.encode_call((1, bytes(LARGEST)), ONE)
    with pytest.raises(ArgumentTooLargeError, match=r"args\.b: takes 33554433 bytes, beside 33554\d+ of other"):
        wire.encode_call((bytes(LARGEST // 2), bytes(LARGEST // 2)), ONE)


# -- other versions of the task -------------------------------------------------------------------
def test_a_parameter_more_is_filled_by_its_default() -> None:
    def older(a: Any) -> None: ...

    assert wire_of(plain).decode_call(wire_of(older).encode_call((1,), ONE), ONE) == (1, 2)


def test_an_order_of_parameters_does_not_matter() -> None:
    def turned(b: Any, a: Any) -> None: ...

    assert wire_of(plain).decode_call(wire_of(turned).encode_call((1, 2), ONE), ONE) == (2, 1)


def test_a_parameter_less_is_an_error_that_names_it() -> None:
    def newer(a: Any, b: Any, c: Any = 0) -> None: ...

    with pytest.raises(SerializationError, match=r"args\.c: m\.f takes no such argument .*; it takes: a, b"):
        wire_of(plain).decode_call(wire_of(newer).encode_call((1, 2, 3), ONE), ONE)


def test_a_parameter_without_a_default_must_have_been_sent() -> None:
    def older(b: Any) -> None: ...

    with pytest.raises(SerializationError, match=r"missing a required argument: 'a'; its caller has another version"):
        wire_of(plain).decode_call(wire_of(older).encode_call((1,), ONE), ONE)


def test_a_newer_form_is_refused_in_words() -> None:
    payload = bytearray(wire_of(plain).encode_call((1, 2), ONE))
    payload[0] = 7
    with pytest.raises(SerializationError, match=r"version 7 of the form, and this pynenc reads version 1"):
        wire_of(plain).decode_call(bytes(payload), ONE)


# -- signatures -----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [JsonSerializer, PickleSerializer, CloudpickleSerializer])
class TestSigned:
    def test_it_arrives(self, kind: type[BaseSerializer]) -> None:
        wire = wire_of(plain, kind(KEY))
        assert wire.decode_call(wire.encode_call(([1, {"x": 2}], 3), ONE), ONE) == ([1, {"x": 2}], 3)

    def test_it_is_bound_to_app_invocation_and_task(self, kind: type[BaseSerializer]) -> None:
        payload = wire_of(plain, kind(KEY)).encode_call((1, 2), ONE)
        with pytest.raises(UntrustedPayloadError):
            wire_of(plain, kind(KEY)).decode_call(payload, OTHER)
        with pytest.raises(UntrustedPayloadError):
            wire_of(plain, kind(KEY), app_id="other").decode_call(payload, ONE)
        with pytest.raises(UntrustedPayloadError):
            wire_of(plain, kind(KEY), task_id="m.g").decode_call(payload, ONE)

    def test_a_changed_byte_is_seen(self, kind: type[BaseSerializer]) -> None:
        wire = wire_of(plain, kind(KEY))
        payload = wire.encode_call((1, "two"), ONE)
        for place in range(len(payload)):
            changed = bytearray(payload)
            changed[place] ^= 1
            with pytest.raises(UntrustedPayloadError):
                wire.decode_call(bytes(changed), ONE)

    def test_none_is_accepted_without_a_signature(self, kind: type[BaseSerializer]) -> None:
        with pytest.raises(UntrustedPayloadError, match="not signed"):
            wire_of(plain, kind(KEY)).decode_call(wire_of(plain).encode_call((1, 2), ONE), ONE)

    def test_a_process_without_the_key_says_so(self, kind: type[BaseSerializer]) -> None:
        payload = wire_of(plain, kind(KEY)).encode_call((1, 2), ONE)
        with pytest.raises(UntrustedPayloadError, match="no signing_key"):
            wire_of(plain).decode_call(payload, ONE)

    def test_a_result_is_no_call(self, kind: type[BaseSerializer]) -> None:
        wire = wire_of(plain, kind(KEY))
        with pytest.raises(UntrustedPayloadError):
            wire.decode_call(wire.encode_result(1, ONE, 1), ONE)


def test_an_id_must_be_one() -> None:
    with pytest.raises(ValueError, match='"x" is not the id of an invocation'):
        wire_of(plain).encode_call((1, 2), "x")
