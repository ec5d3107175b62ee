from __future__ import annotations

import array
import subprocess
import sys
import warnings

import numpy as np
import pytest

from pynenc.exceptions import SerializationError
from pynenc.serializer import JsonSerializer, raw

JSON = JsonSerializer()

ARRAYS = [
    np.arange(6),
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.arange(10)[::2],
    np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    np.array(5),
    np.zeros((0, 3)),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.array([1], dtype=">i4"),
    np.array(["a", "bcd"]),
    np.array([b"a", b"bcd"]),
    np.array(["2024-01-01"], dtype="M8[D]"),
    np.array([1, 2], dtype="m8[25s]"),
    np.array([1.5], dtype="f2"),
]


@pytest.mark.parametrize("value", ["", "é", "\ud800", b"", b"\x00", bytearray(b"x"), bytearray()], ids=ascii)
def test_text_and_bytes_come_back(value):
    came = JSON.decode(JSON.encode(value))
    assert came == value
    assert type(came) is type(value)


@pytest.mark.parametrize("value", ARRAYS, ids=[f"{at}-{each.dtype.kind}" for at, each in enumerate(ARRAYS)])
def test_numpy_arrays_come_back(value):
    came = JSON.decode(JSON.encode(value))
    assert type(came) is np.ndarray
    assert (came.dtype, came.shape) == (value.dtype, value.shape)
    assert np.array_equal(came, value)


def test_an_array_that_came_is_an_aligned_read_only_view_of_what_was_received():
    data = JSON.encode(np.arange(1000, dtype="f8"))
    came = JSON.decode(data)
    assert not came.flags.writeable
    assert np.shares_memory(came, np.frombuffer(data, dtype="u1"))
    assert came.flags.aligned


@pytest.mark.parametrize(
    "value", [np.arange(100), np.asfortranarray(np.ones((3, 4))), b"x" * 100, bytearray(100)], ids=ascii
)
def test_the_buffer_is_sent_without_a_copy(value):
    parts = JSON.encode_parts(value)
    view = value.T if isinstance(value, np.ndarray) and not value.flags.c_contiguous else value
    flat = np.frombuffer(view, dtype="u1") if not isinstance(view, np.ndarray) else view.reshape(-1)
    assert np.shares_memory(np.frombuffer(parts[-1], dtype="u1"), flat)


@pytest.mark.parametrize(
    "value", [np.float64(0.1), np.int8(-3), np.bool_(True), np.str_("é"), np.datetime64("2024-01-01")], ids=repr
)
def test_numpy_scalars_come_back(value):
    came = JSON.decode(JSON.encode(value))
    assert came == value
    assert type(came) is type(value)


@pytest.mark.parametrize("code", "bBhHiIlLqQfd")
def test_arrays_come_back(code):
    for value in (array.array(code, [1, 2, 3]), array.array(code)):
        came = JSON.decode(JSON.encode(value))
        assert came == value
        assert (type(came), came.typecode) == (array.array, code)
    came.append(4)


def test_arrays_of_the_other_byte_order_are_swapped():
    value = array.array("i", [1, 2])
    data = bytearray(JSON.encode(value))
    at = data.index(b"<" if sys.byteorder == "little" else b">")
    data[at : at + 1] = b">" if sys.byteorder == "little" else b"<"
    value.byteswap()
    assert JSON.decode(data) == value


@pytest.mark.parametrize(
    "value",
    [
        memoryview(b"abc"),
        memoryview(b""),
        memoryview(bytearray(8))[::2],
        memoryview(array.array("d", [1.5])),
        memoryview(bytes(range(12))).cast("B", (3, 4)),
        memoryview(bytes(16)).cast("i", (2, 2)),
    ],
    ids=lambda view: f"{view.format}{view.shape}{view.contiguous}",
)
def test_memoryviews_come_back(value):
    came = JSON.decode(JSON.encode(value))
    assert came == value
    assert (came.format, came.shape) == (value.format, value.shape)


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.zeros(2, dtype=[("a", "i4")]),
        np.zeros(2, dtype=[("a", "O")]),
        np.ma.masked_array([1, 2], [True, False]),
        memoryview(np.zeros((0, 2))),
    ],
    ids=map(str, range(5)),
)
def test_what_has_no_closed_form_is_refused_at_the_caller(value):
    with pytest.raises(SerializationError) as caught:
        JSON.encode(value, "args.data")
    assert caught.value.path == "args.data"


def test_arrays_of_wide_characters_are_refused_at_the_caller():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons say that the type code goes away
        value = array.array("u", "ab")
    with pytest.raises(SerializationError, match="send text"):
        JSON.encode(value)


def header(
    kind: bytes, name: bytes, shape: tuple[int, ...], itemsize: int, buffer: bytes, order: bytes = b"C"
) -> bytes:
    head = b"R" + kind + order + bytes((len(name), len(shape))) + itemsize.to_bytes(4, "little") + name
    head += b"".join(size.to_bytes(8, "little") for size in shape)
    return head + bytes(-len(head) % 16) + buffer


HOSTILE = [
    b"R",
    b"Rz",
    b"Rs\xff\xfe",
    b"Rn",
    b"RnC\x03",
    header(b"n", b"|O", (1,), 8, bytes(8)),
    header(b"n", b"O", (1,), 8, bytes(8)),
    header(b"n", b"object", (1,), 8, bytes(8)),
    header(b"n", b"i4,O", (1,), 12, bytes(12)),
    header(b"n", b"os.system", (1,), 8, bytes(8)),
    header(b"n", b"\xff\xff", (1,), 8, bytes(8)),
    header(b"n", b"<i8", (1,), 4, bytes(4)),
    header(b"n", b"<i3", (1,), 3, bytes(3)),
    header(b"n", b"<i8", (2,), 8, bytes(8)),
    header(b"n", b"<i8", (2**64 - 1,), 8, bytes(8)),
    header(b"n", b"<i8", (2**63 - 1, 0), 8, b""),
    header(b"n", b"<i8", (0, 2**64 - 1), 8, b""),
    header(b"n", b"<U999999999", (1,), 8, bytes(8)),
    header(b"n", b"<M8[99999999999Y]", (1,), 8, bytes(8)),
    header(b"n", b"<i8", (1,) * 33, 8, bytes(8)),
    header(b"n", b"<i8", (1,), 8, bytes(8), order=b"Z"),
    header(b"v", b"<x", (1,), 8, bytes(8)),
    header(b"v", b"<u", (1,), 4, bytes(4)),
    header(b"v", b"<i", (1,), 8, bytes(8)),
    header(b"v", b"", (1,), 8, bytes(8)),
    header(b"m", b"<O", (1,), 8, bytes(8)),
    header(b"m", b"<P", (1,), 8, bytes(8)),
    header(b"m", b"<i", (0, 3), 4, b""),
    header(b"m", b">i", (1,), 4, bytes(4)),
]


@pytest.mark.parametrize("data", HOSTILE, ids=map(str, range(len(HOSTILE))))
def test_hostile_headers_are_refused(data):
    with pytest.raises(SerializationError):
        JSON.decode(data)


def test_a_cut_off_array_is_refused_wherever_it_is_cut():
    data = JSON.encode(np.arange(3))
    for end in range(1, len(data)):
        with pytest.raises(SerializationError):
            JSON.decode(data[:end])


def test_what_travels_raw_is_known():
    assert all(map(raw.is_raw, ["", b"", bytearray(), memoryview(b""), array.array("i"), np.arange(2), np.float64(1)]))
    assert not any(map(raw.is_raw, [1, [], object(), None, {}, ()]))


def test_numpy_is_not_imported_by_values_that_are_none_of_it():
    code = (
        "import sys; from pynenc.serializer import JsonSerializer as J; j = J();"
        "j.decode(j.encode(['x', b'y', {1: 2}])); j.decode(j.encode('x')); assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
