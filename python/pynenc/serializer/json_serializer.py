"""Values as JSON: nothing that is read can name a class or run code."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, ClassVar

from pynenc.exceptions import SerializationError
from pynenc.serializer.base_serializer import BaseSerializer
from pynenc.serializer.plain import is_plain, oversize

__all__ = ["JsonSerializer"]

_DEFAULT_INT_DIGITS = 4300


class JsonSerializer(BaseSerializer):
    """JSON with a closed set of types.

    Round trip as they are: ``None``, bool, int of any size, float (NaN and infinities too), str, list,
    dict with any hashable keys, tuple, set, frozenset, bytes, complex, datetime, date, time, timedelta,
    Decimal, UUID, bytearray, ``array.array`` and numpy arrays and scalars. Enums, dataclasses,
    NamedTuples, msgspec structs, attrs classes and pydantic models are written as plain data and come
    back as what the annotation of the reader declares; where it declares nothing, as that plain data.
    Annotations rebuild types; they do not check values. A subclass of a built-in type is refused.
    """

    format_tag: ClassVar[bytes] = b"J"

    def serialize(self, obj: Any) -> str:
        """Write ``obj`` as JSON text, without an envelope.

        :raises SerializationError: naming the path and the type of what is not carried.
        """
        return self._write(obj, "value").decode()

    def deserialize(self, data: str | bytes | bytearray | memoryview) -> Any:
        """Read JSON text.

        :raises SerializationError: not acceptable JSON, an unknown tag, or over a limit.
        """
        if isinstance(data, str):
            try:
                data = data.encode()
            except UnicodeEncodeError as error:
                raise SerializationError("value", f"not acceptable JSON: {error.reason}") from None
        if len(data) > self.limits.max_bytes:
            raise SerializationError("value", f"has {len(data)} bytes; at most {self.limits.max_bytes} are accepted")
        return self._read(memoryview(data), None, "value")

    def _write(self, value: Any, path: str) -> bytes:
        codec = _codec()
        try:
            tree = value
            if not self._trusts_integers() or not is_plain(value, self.limits):
                tree = self._tagged_tree(value, path)
            try:
                text: bytes = codec.encode(tree)
            except (UnicodeEncodeError, OverflowError, ValueError):
                # A lone surrogate or an integer of very many digits, which the quick look does not see.
                text = codec.encode(self._tagged_tree(value, path, careful=True))
        except RuntimeError as error:
            raise SerializationError(path, f"{type(value).__qualname__}: {error}") from error
        return text

    def _trusts_integers(self) -> bool:
        """Whether the encoder refuses just those integers that the reader's limit refuses."""
        return sys.get_int_max_str_digits() == _DEFAULT_INT_DIGITS <= self.limits.max_int_digits

    def _tagged_tree(self, value: Any, path: str, *, careful: bool = False) -> Any:
        from pynenc.serializer.json_writer import TreeWriter

        return TreeWriter(self.limits, careful=careful or not self._trusts_integers()).write(value, path)

    def _read(self, payload: memoryview, annotation: Any, path: str) -> Any:
        data = bytes(payload)
        tree = self._parse(data, path)
        if b"$" not in data and b"\\u0024" not in data:
            return self._checked(tree, data, path)
        from pynenc.serializer.annotations import hint_of
        from pynenc.serializer.json_reader import TreeReader

        return TreeReader(self.limits).read(tree, hint_of(annotation), path)

    def _parse(self, data: bytes, path: str) -> Any:
        """The tree, not yet held against the limits on depth and items.

        The fast parser keeps the last of two equal keys. Text that it writes again byte for byte has
        none, and everything that this class writes is such; other text takes the careful parser.
        """
        codec = _codec()
        try:
            if self.limits.max_int_digits >= _DEFAULT_INT_DIGITS:
                tree = codec.decode(data)
                if codec.encode(tree) == data:
                    return tree
        except (ValueError, RecursionError, OverflowError, _codec_error()):
            # The careful parser says what is wrong, if anything is.
            pass
        from pynenc.serializer.json_reader import parse_strictly

        return parse_strictly(data, self.limits, path)

    def _checked(self, tree: Any, data: bytes, path: str) -> Any:
        """A tree without tags, within the limits; small ones are known to be from a look at the text."""
        opened = data.count(b"[") + data.count(b"{")
        if opened > self.limits.max_depth or 2 * (opened + data.count(b",")) > self.limits.max_items:
            reason = oversize(tree, self.limits)
            if reason is not None:
                raise SerializationError(path, reason)
        return tree


@cache
def _codec() -> Any:
    # Imported when first used: it is most of what importing this package would cost.
    import msgspec.json

    return msgspec.json


@cache
def _codec_error() -> type[Exception]:
    import msgspec

    error: type[Exception] = msgspec.MsgspecError
    return error
