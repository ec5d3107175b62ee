from __future__ import annotations

import pickle

import numpy as np
import pytest

from pynenc.exceptions import ConfigError, SerializationError, UntrustedPayloadError
from pynenc.serializer import (
    BaseSerializer,
    CloudpickleSerializer,
    JsonSerializer,
    KeyRing,
    Limits,
    PickleSerializer,
    SigningContext,
)
from pynenc.serializer.round_trip import round_trip

SECRET = b"a secret of quite some length"
HERE = SigningContext("app", "id-1", "module.task", "arguments")
VALUES = [{"a": (1, 2)}, "text", b"bytes", [1.5, None]]


class Bomb:
    """Its pickle runs code where it is read."""

    exploded = False

    def __reduce__(self):
        return (explode, ())


def explode():
    Bomb.exploded = True


@pytest.mark.parametrize("kind", [JsonSerializer, PickleSerializer, CloudpickleSerializer])
def test_signed_values_come_back(kind):
    serializer = kind(SECRET)
    for value in VALUES:
        assert serializer.decode(serializer.encode(value, "v", HERE), None, "v", HERE) == value
        assert round_trip(value, serializer) == value


@pytest.mark.parametrize("field", range(4))
def test_a_signature_holds_for_its_own_place_only(field):
    serializer = PickleSerializer(SECRET)
    data = serializer.encode([1], "v", HERE)
    elsewhere = HERE._replace(**{HERE._fields[field]: "other"})
    for context in (elsewhere, None):
        with pytest.raises(UntrustedPayloadError):
            serializer.decode(data, None, "v", context)


def test_fields_of_the_context_do_not_run_into_one_another():
    serializer = JsonSerializer(SECRET)
    data = serializer.encode(1, "v", SigningContext("ab", "c"))
    with pytest.raises(UntrustedPayloadError):
        serializer.decode(data, None, "v", SigningContext("a", "bc"))


def test_every_changed_byte_is_found_before_anything_is_decoded():
    serializer = PickleSerializer(SECRET)
    data = serializer.encode({"n": [1, 2]})
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(UntrustedPayloadError):
            serializer.decode(changed)
    for end in range(len(data)):
        with pytest.raises(UntrustedPayloadError):
            serializer.decode(data[:end])


def test_a_pickle_is_never_loaded_without_a_right_signature():
    serializer = PickleSerializer(SECRET)
    bomb = b"P" + pickle.dumps(Bomb())
    forged = PickleSerializer(b"another key, also long").encode(Bomb())
    for data in (bomb, pickle.dumps(Bomb()), forged, b"S" + bomb):
        with pytest.raises(UntrustedPayloadError):
            serializer.decode(data)
        with pytest.raises(UntrustedPayloadError):
            serializer.deserialize(data)
        with pytest.raises((SerializationError, UntrustedPayloadError)):
            JsonSerializer().decode(data)
    assert not Bomb.exploded
    serializer.decode(serializer.encode(Bomb()))
    assert Bomb.exploded


@pytest.mark.parametrize("kind", [PickleSerializer, CloudpickleSerializer])
def test_pickles_need_a_key_unless_nothing_else_can_write(kind):
    with pytest.raises(ConfigError, match=f"{kind.__name__} needs a signing key"):
        kind()
    serializer = kind(memory_only=True)
    assert serializer.deserialize(serializer.serialize({1, 2})) == {1, 2}


def test_cloudpickle_carries_functions_by_value():
    serializer = CloudpickleSerializer(SECRET)
    assert serializer.decode(serializer.encode(lambda x: x + 1))(1) == 2


def test_what_cannot_be_pickled_is_named_with_its_path():
    with pytest.raises(SerializationError, match=r"args\.f: function cannot be pickled"):
        PickleSerializer(SECRET).encode(lambda: 0, "args.f")


def test_a_signed_pickle_that_cannot_be_read_is_a_named_error():
    serializer = PickleSerializer(memory_only=True)
    with pytest.raises(SerializationError, match="cannot be read here"):
        serializer.decode(b"Pgarbage")


def test_signed_arrays_are_views_and_aligned():
    serializer = JsonSerializer(SECRET)
    data = serializer.encode(np.arange(10.0))
    came = serializer.decode(data)
    assert np.shares_memory(came, np.frombuffer(data, dtype="u1"))
    assert came.flags.aligned


def test_keys_rotate():
    old, new = {"old": b"o" * 16}, {"new": b"n" * 16}
    before, between, after = KeyRing(old, "old"), KeyRing(old | new, "new"), KeyRing(new, "new")
    first = JsonSerializer(before).encode([1])
    second = JsonSerializer(between).encode([2])
    assert JsonSerializer(between).decode(first) == [1]
    assert JsonSerializer(after).decode(second) == [2]
    with pytest.raises(UntrustedPayloadError, match="key that is not accepted"):
        JsonSerializer(after).decode(first)
    with pytest.raises(UntrustedPayloadError, match="key that is not accepted"):
        JsonSerializer(before).decode(second)


@pytest.mark.parametrize(
    ("keys", "signing", "message"),
    [
        ({"a": b"short"}, "a", "at least 16 bytes"),
        ({"a": "text" * 8}, "a", "at least 16 bytes"),
        ({"": b"k" * 16}, "", "1 to 64 ASCII"),
        ({"é": b"k" * 16}, "é", "1 to 64 ASCII"),
        ({"a" * 65: b"k" * 16}, "a" * 65, "1 to 64 ASCII"),
        ({"a": b"k" * 16}, "b", "'b' is not one of"),
        ({}, "b", "is not one of"),
    ],
)
def test_bad_keys_are_refused(keys, signing, message):
    with pytest.raises(ConfigError, match=message):
        KeyRing(keys, signing)


def test_no_secret_is_shown():
    ring = KeyRing.of(SECRET)
    serializer = PickleSerializer(ring)
    shown = [repr(ring), str(ring), repr(serializer), str(serializer)]
    with pytest.raises(UntrustedPayloadError) as caught:
        serializer.decode(b"Sgarbage")
    with pytest.raises(ConfigError) as short:
        PickleSerializer(b"tooshort")
    with pytest.raises(TypeError, match="secrets") as pickled:
        pickle.dumps(ring)
    shown += [str(caught.value), str(short.value), str(pickled.value)]
    assert not [text for text in shown if "secret of" in text or "tooshort" in text]


class ReverseSerializer(BaseSerializer):
    """What a user may write: two methods."""

    def serialize(self, obj):
        return repr(obj)[::-1]

    def deserialize(self, data):
        return int(data[::-1])


class BytesSerializer(ReverseSerializer):
    def serialize(self, obj):
        return super().serialize(obj).encode()

    def deserialize(self, data):
        return super().deserialize(data.decode())


@pytest.mark.parametrize("kind", [ReverseSerializer, BytesSerializer])
def test_a_serializer_of_the_user_needs_two_methods(kind):
    for serializer in (kind(), kind(SECRET)):
        assert round_trip(123, serializer) == 123
        assert round_trip("text", serializer) == "text"
        with pytest.raises(SerializationError, match="cannot read it"):
            round_trip([1], serializer)
    with pytest.raises(SerializationError):
        kind().decode(b"U")
    with pytest.raises(SerializationError, match="at most 8"):
        kind(limits=Limits(max_bytes=8)).encode(10**20)


def test_errors_of_a_serializer_of_the_user_name_the_path():
    class FailingSerializer(ReverseSerializer):
        def serialize(self, obj):
            raise KeyError("no")

    with pytest.raises(SerializationError, match=r"args\.a: FailingSerializer cannot write it"):
        FailingSerializer().encode(1, "args.a")
