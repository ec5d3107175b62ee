"""Results and errors as they travel between processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pynenc._core import TaskWire
from pynenc.arguments import annotations_of, parameters_of
from pynenc.exceptions import (
    InvocationError,
    RemoteTaskError,
    ResultSerializationError,
    SerializationError,
    UntrustedPayloadError,
)
from pynenc.serializer import JsonSerializer, PickleSerializer
from pynenc.serializer.base_serializer import BaseSerializer
from pynenc.serializer.task_codec import TaskCodec

ONE, OTHER = "00000000-0000-8000-8000-000000000001", "00000000-0000-8000-8000-000000000002"
KEY = b"a key of sixteen or more bytes"
SERIALIZERS = {"json": JsonSerializer(), "signed json": JsonSerializer(KEY), "signed pickle": PickleSerializer(KEY)}


@dataclass
class Total:
    items: tuple[int, ...]


class ShopError(Exception):
    pass


def body() -> Total: ...


def wire_of(serializer: BaseSerializer | None = None) -> TaskWire:
    parameters = parameters_of(body)
    codec = TaskCodec(serializer or JsonSerializer(), "shop", "m.f", lambda: annotations_of(body, parameters))
    return TaskWire(codec, "m.f", parameters)


@pytest.mark.parametrize("value", [None, 1, 1.5, "text", b"\x00", [1, {"x": (2,)}], Total((1, 2))], ids=repr)
@pytest.mark.parametrize("serializer", SERIALIZERS.values(), ids=SERIALIZERS)
def test_results_arrive(value: Any, serializer: BaseSerializer) -> None:
    wire = wire_of(serializer)
    arrived = wire.decode_result(wire.encode_result(value, ONE, 1), ONE)
    assert (type(arrived), arrived) == (type(value), value)


def test_a_result_that_cannot_be_written_is_the_bodys_fault() -> None:
    with pytest.raises(ResultSerializationError) as caught:
        wire_of().encode_result({"user": {"created": object()}}, ONE, 1)
    assert caught.value.path == "result.user.created"
    assert isinstance(caught.value.__cause__, SerializationError)


def test_a_result_over_the_limit_says_what_to_do() -> None:
    with pytest.raises(ResultSerializationError, match=r"result: takes 67108865 bytes; at most 67108864 .*return what"):
        wire_of().encode_result(bytes(64 * 1024 * 1024), ONE, 1)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize("serializer", SERIALIZERS.values(), ids=SERIALIZERS)
@pytest.mark.parametrize(
    "error",
    [ValueError("bad", 3), ShopError("closed"), InvocationError("i", "m"), FileNotFoundError(2, "no", "f")],
    ids=repr,
)
def test_errors_arrive(error: Exception, serializer: BaseSerializer) -> None:
    wire = wire_of(serializer)
    arrived = wire.decode_error(wire.encode_error(raised(error), ONE, 2), ONE)
    assert (type(arrived), arrived.args, str(arrived)) == (type(error), error.args, str(error))
    assert "test_outcomes.py" in "".join(arrived.__notes__)


def test_an_error_of_a_class_that_is_not_here_arrives_as_text() -> None:
    local = type("Local", (Exception,), {"__module__": "nowhere"})
    arrived = wire_of().decode_error(wire_of().encode_error(local("why"), ONE, 1), ONE)
    assert isinstance(arrived, RemoteTaskError)
    assert str(arrived) == "nowhere.Local: why"


def test_an_error_that_holds_anything_is_written() -> None:
    """What it carries is made plain; whatever is too much of something is left out, and its text stays."""
    loop: list[Any] = []
    loop.append(loop)
    wide = [[0] * 5_000 for _ in range(3)]
    for held in (object(), loop, wide, "\ud800", 10**6000, {1: {2: {3: b"x"}}}):
        arrived = wire_of().decode_error(wire_of().encode_error(ValueError("why", held), ONE, 1), ONE)
        assert type(arrived) is ValueError
        assert arrived.args[0] == "why" or "why" in arrived.args[0]


# -- signatures -----------------------------------------------------------------------------------
def test_a_signature_is_bound_to_invocation_attempt_and_ending() -> None:
    wire = wire_of(PickleSerializer(KEY))
    result, error = wire.encode_result({"x": 1}, ONE, 1), wire.encode_error(ValueError("x"), ONE, 1)
    assert result != wire.encode_result({"x": 1}, ONE, 2)
    for read, payload, about in (
        (wire.decode_result, result, OTHER),
        (wire.decode_error, error, OTHER),
        (wire.decode_result, error, ONE),
        (wire.decode_error, result, ONE),
    ):
        with pytest.raises(UntrustedPayloadError):
            read(payload, about)


def test_the_attempt_in_a_signed_result_cannot_be_changed() -> None:
    wire = wire_of(JsonSerializer(KEY))
    payload = bytearray(wire.encode_result(None, ONE, 1))
    attempt = payload.index(b"\x01\x01Jnull") + 1
    payload[attempt] = 2
    with pytest.raises(UntrustedPayloadError):
        wire.decode_result(bytes(payload), ONE)


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x01\x80", b"\x01\x01", b"\x01\x01\x09", b"\x02\x01\x01"])
def test_a_damaged_outcome_is_an_error_in_words(payload: bytes) -> None:
    with pytest.raises(SerializationError, match=r"damaged|version"):
        wire_of().decode_result(payload, ONE)
    with pytest.raises(SerializationError):
        wire_of().decode_error(payload, ONE)
