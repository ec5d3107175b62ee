"""Text, bytes and arrays as they are in memory: a short header, then the buffer itself."""

from __future__ import annotations

import sys
from typing import Any

from pynenc.exceptions import SerializationError

__all__ = ["RAW_TAG", "decode", "encode", "is_raw"]

RAW_TAG = b"R"
_ALIGNMENT = 16
_TEXT, _BYTES, _BYTEARRAY, _ARRAY, _VIEW, _NDARRAY, _SCALAR = b"s", b"b", b"a", b"v", b"m", b"n", b"c"
_MAX_DIMENSIONS = 32
_NEVER_RAW = frozenset((dict, list, tuple, int, float, bool, type(None)))
_ARRAY_CODES = frozenset("bBhHiIlLqQfdw")
_VIEW_FORMATS = frozenset("cbB?hHiIlLqQnNfd")
_NATIVE_ORDER = "<" if sys.byteorder == "little" else ">"
_DTYPE = r"[<>|](?:[biufcSUV]\d{1,9}|[mM]8(?:\[\d{0,9}(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"

_Part = bytes | bytearray | memoryview


def is_raw(value: object) -> bool:
    """Whether the value travels as its own buffer rather than through a serializer."""
    kind = type(value)
    if kind is str or kind is bytes or kind is bytearray or kind is memoryview:
        return True
    return _is_array(value) or _is_numpy(value)


def encode(value: Any, path: str) -> tuple[_Part, ...] | None:
    """Header and buffer of a value that is text, bytes or an array; ``None`` for any other.

    :raises SerializationError: an array of objects, or of a type that has no closed name.
    """
    kind = type(value)
    if kind in _NEVER_RAW:
        return None
    if kind is str:
        return RAW_TAG + _TEXT, value.encode("utf-8", "surrogatepass")
    if kind is bytes:
        return RAW_TAG + _BYTES, value
    if kind is bytearray:
        return RAW_TAG + _BYTEARRAY, memoryview(value)
    if kind is memoryview:
        return _encode_view(value, path)
    if _is_array(value):
        if value.typecode not in _ARRAY_CODES:
            raise SerializationError(path, f"array of {value.typecode!r}: of another size on other machines; send text")
        head = _header(_ARRAY, _NATIVE_ORDER + value.typecode, "C", value.itemsize, (len(value),))
        return head, memoryview(value).cast("B") if len(value) else b""
    if _is_numpy(value):
        return _encode_numpy(value, path)
    return None


def decode(body: memoryview, path: str, apart: memoryview | None = None) -> Any:
    """Read what :func:`encode` wrote. A numpy array is a read-only view of ``body``.

    :param apart: the buffer, when ``body`` is the header alone. It never changes, so a memoryview is a view of it too.
    :raises SerializationError: the header is damaged or does not fit the buffer.
    """
    kind = bytes(body[1:2])
    content = body[2:] if apart is None else apart
    if kind == _TEXT:
        try:
            return str(content, "utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise SerializationError(path, f"not UTF-8: {error.reason} at byte {error.start}") from None
    if kind == _BYTES:
        return bytes(content)
    if kind == _BYTEARRAY:
        return bytearray(content)
    if kind in (_ARRAY, _VIEW, _NDARRAY, _SCALAR):
        name, order, itemsize, shape, buffer = _parse_header(body, path, apart)
        if kind == _ARRAY:
            return _decode_array(name, itemsize, buffer, path)
        if kind == _VIEW:
            return _decode_view(name, itemsize, shape, bytes(buffer) if apart is None else buffer, path)
        return _decode_numpy(name, order, itemsize, shape, buffer, kind == _SCALAR, path)
    raise SerializationError(path, f"raw kind {kind!r} is not known")


def _is_array(value: object) -> bool:
    module = sys.modules.get("array")
    return module is not None and type(value) is module.array


def _is_numpy(value: object) -> bool:
    # An instance cannot exist before numpy is imported: looking at sys.modules is enough.
    if not type(value).__module__.startswith("numpy"):
        return False
    numpy: Any = sys.modules.get("numpy")
    return type(value) is numpy.ndarray or type(value) is numpy.memmap or isinstance(value, numpy.generic)


def _header(kind: bytes, name: str, order: str, itemsize: int, shape: tuple[int, ...]) -> bytes:
    """Tag, kind, order, lengths, item size, name, shape; padded so that the buffer is aligned."""
    label = name.encode("ascii")
    head = RAW_TAG + kind + order.encode() + bytes((len(label), len(shape))) + itemsize.to_bytes(4, "little")
    head += label + b"".join(size.to_bytes(8, "little") for size in shape)
    return head + bytes(-len(head) % _ALIGNMENT)


def _parse_header(
    body: memoryview, path: str, apart: memoryview | None
) -> tuple[str, str, int, tuple[int, ...], memoryview]:
    """Name, order, item size, shape and buffer; the buffer is exactly as long as they say."""
    if len(body) < 9 or bytes(body[2:3]) not in (b"C", b"F") or body[4] > _MAX_DIMENSIONS:
        raise SerializationError(path, "the header of an array is damaged")
    name_end = 9 + body[3]
    end = name_end + 8 * body[4]
    start = end + -end % _ALIGNMENT
    if len(body) < start:
        raise SerializationError(path, "the header of an array is cut off")
    try:
        name = str(body[9:name_end], "ascii")
    except UnicodeDecodeError:
        raise SerializationError(path, "the element type of an array is not ASCII") from None
    shape = tuple(int.from_bytes(body[at : at + 8], "little") for at in range(name_end, end, 8))
    itemsize, count = int.from_bytes(body[5:9], "little"), 1
    for size in shape:
        count *= size
    buffer = body[start:] if apart is None else apart
    if count * itemsize != len(buffer) or max(shape, default=0) > sys.maxsize:
        raise SerializationError(path, f"an array of shape {shape} does not fit its {len(buffer)} bytes")
    return name, str(body[2:3], "ascii"), itemsize, shape, buffer


def _encode_view(value: memoryview, path: str) -> tuple[_Part, ...]:
    code = value.format.removeprefix("@")
    if code not in _VIEW_FORMATS:
        raise SerializationError(path, f"memoryview of format {value.format!r}: only native numbers are carried")
    if value.ndim > _MAX_DIMENSIONS or (value.ndim != 1 and value.nbytes == 0):
        raise SerializationError(path, f"memoryview of shape {value.shape}: it cannot be made again from its bytes")
    head = _header(_VIEW, _NATIVE_ORDER + code, "C", value.itemsize, value.shape or ())
    if value.nbytes == 0:
        return head, b""
    return head, value.cast("B") if value.c_contiguous else value.tobytes()


def _decode_view(name: str, itemsize: int, shape: tuple[int, ...], buffer: bytes | memoryview, path: str) -> memoryview:
    import struct

    code: Any = name[1:]
    if name[:1] != _NATIVE_ORDER or code not in _VIEW_FORMATS or struct.calcsize(code) != itemsize:
        raise SerializationError(path, f"a memoryview of {name!r} x {itemsize} is of another kind of machine")
    flat = memoryview(buffer).cast(code)
    if len(shape) == 1:
        return flat
    try:
        return flat.cast("B").cast(code, shape)
    except (TypeError, ValueError) as error:
        raise SerializationError(path, f"a memoryview of shape {shape}: {error}") from None


def _decode_array(name: str, itemsize: int, buffer: memoryview, path: str) -> Any:
    from array import array

    if name[1:] not in _ARRAY_CODES:
        raise SerializationError(path, f"an array of {name!r} is not known")
    try:
        values: Any = array(name[1:])
    except ValueError:
        raise SerializationError(path, f"an array of {name!r} is not known to this Python") from None
    if values.itemsize != itemsize:
        raise SerializationError(path, f"an array of {name!r} x {itemsize} is of another kind of machine")
    try:
        values.frombytes(buffer)
        if name[:1] != _NATIVE_ORDER:
            values.byteswap()
        if name[1:] == "w":
            values.tounicode()
    except ValueError as error:
        raise SerializationError(path, f"an array of {name!r}: {error}") from None
    return values


def _encode_numpy(value: Any, path: str) -> tuple[_Part, ...]:
    numpy: Any = sys.modules["numpy"]
    scalar = isinstance(value, numpy.generic)
    values = numpy.asarray(value)
    name: str = values.dtype.str
    _check_dtype_name(name, path)
    if values.dtype.hasobject or numpy.dtype(name) != values.dtype:
        raise SerializationError(path, f"numpy {values.dtype}: arrays of objects or of named fields are not carried")
    if values.ndim > _MAX_DIMENSIONS:
        raise SerializationError(path, f"numpy array of {values.ndim} dimensions; at most {_MAX_DIMENSIONS}")
    order = "F" if values.flags.f_contiguous and not values.flags.c_contiguous else "C"
    head = _header(_SCALAR if scalar else _NDARRAY, name, order, values.dtype.itemsize, values.shape)
    if values.nbytes == 0:
        return head, b""
    flat = values.T if order == "F" else numpy.ascontiguousarray(values)
    return head, memoryview(flat.reshape(-1).view(numpy.uint8))


def _check_dtype_name(name: str, path: str) -> None:
    import re

    if re.fullmatch(_DTYPE, name) is None:
        raise SerializationError(path, f"numpy element type {name!r} is not carried")


def _decode_numpy(
    name: str, order: str, itemsize: int, shape: tuple[int, ...], buffer: memoryview, scalar: bool, path: str
) -> Any:
    # The name is checked before numpy sees it: a closed form, which cannot mean objects or fields.
    _check_dtype_name(name, path)
    try:
        import numpy as np
    except ImportError:
        raise SerializationError(path, "a numpy array came, and numpy is not installed here") from None
    try:
        dtype = np.dtype(name)
        if dtype.hasobject or dtype.itemsize != itemsize:
            raise SerializationError(path, f"numpy element type {name!r} x {itemsize} is of another kind of machine")
        values: Any = np.ndarray(shape, dtype, buffer=buffer, order="F" if order == "F" else "C")
    except (TypeError, ValueError, OverflowError) as error:
        raise SerializationError(path, f"numpy array of {name!r} and shape {shape}: {error}") from None
    values.flags.writeable = False
    return values[()] if scalar and not shape else values
