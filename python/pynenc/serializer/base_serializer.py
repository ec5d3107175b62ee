"""What every serializer is, and the envelope around what it writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any, ClassVar

from pynenc.exceptions import SerializationError, UntrustedPayloadError
from pynenc.serializer import raw
from pynenc.serializer.limits import Limits
from pynenc.serializer.signing import SIGNED_TAG, KeyRing, SigningContext

__all__ = ["BaseSerializer", "Buffer", "ReservedKeys"]

Buffer = bytes | bytearray | memoryview


class ReservedKeys(StrEnum):
    """Prefixes that no text of a user may be mistaken for."""

    ERROR = "__pynenc__std_py_exc__"
    ARG_CACHE = "__pynenc__arg_cache__"


class BaseSerializer(ABC):
    """Turn one value into bytes and back.

    A subclass says how a value is written (:meth:`serialize`) and read (:meth:`deserialize`).
    :meth:`encode` and :meth:`decode` put the envelope around that: one byte that names the format,
    text and buffers as they are in memory instead of through the serializer, and a signature when
    there is a key. The name of a direct subclass ends in ``Serializer``.

    :param signing_key: a key (bytes or text, 16 bytes at least), or a :class:`KeyRing` to rotate
        keys. With one, everything written is signed and everything read must be signed.
    :param limits: bounds on what is written and read.
    """

    format_tag: ClassVar[bytes] = b"U"

    def __init__(self, signing_key: bytes | str | KeyRing | None = None, *, limits: Limits | None = None) -> None:
        self.limits = limits if limits is not None else Limits()
        self._keys: KeyRing | None
        if signing_key is None or isinstance(signing_key, KeyRing):
            self._keys = signing_key
        else:
            self._keys = KeyRing.of(signing_key)

    @property
    def keys(self) -> KeyRing | None:
        """What signs and checks, if anything does."""
        return self._keys

    @abstractmethod
    def serialize(self, obj: Any) -> str | bytes:
        """Write ``obj``.

        :raises SerializationError: it holds something that this serializer does not carry.
        """

    @abstractmethod
    def deserialize(self, data: Any) -> Any:
        """Read what :meth:`serialize` wrote.

        :raises SerializationError: it is damaged, or larger or deeper than the limits.
        """

    def encode(self, value: Any, path: str = "value", context: SigningContext | None = None) -> bytes:
        """Write ``value`` with its envelope.

        :param path: what the value is called in errors, such as ``args.user``.
        :param context: what a signature binds the value to; only used with a signing key.
        :raises SerializationError: naming the path and the type that cannot be written.
        """
        return b"".join(self.encode_parts(value, path, context))

    def encode_parts(
        self, value: Any, path: str = "value", context: SigningContext | None = None
    ) -> tuple[Buffer, ...]:
        """Write ``value`` with its envelope as pieces to send one after the other.

        The last piece of a buffer or an array is a view of its own memory, not a copy: do not change
        the value before the pieces are sent. Parameters and errors as :meth:`encode`.
        """
        parts = self.write_parts(value, path)
        if self._keys is None:
            return parts
        return (self._keys.sign(parts, context), *parts)

    def write_parts(self, value: Any, path: str = "value") -> tuple[Buffer, ...]:
        """Do what :meth:`encode_parts` does, but for the signature: for one that stands over more than this."""
        parts: tuple[Buffer, ...] | None = raw.encode(value, path)
        if parts is None:
            parts = (self.format_tag, self._write(value, path))
        size = sum(len(part) for part in parts)
        if size > self.limits.max_bytes:
            raise SerializationError(path, f"takes {size} bytes; at most {self.limits.max_bytes} are accepted")
        return parts

    def decode(
        self, data: Buffer, annotation: Any = None, path: str = "value", context: SigningContext | None = None
    ) -> Any:
        """Read what :meth:`encode` wrote.

        :param data: the envelope; arrays that come back are views of it, so it must not change.
        :param annotation: the declared type, already resolved (``typing.get_type_hints``): it says
            which dataclass, enum, ... to rebuild. Without one those come back as plain data.
        :param path: what the value is called in errors.
        :param context: what the signature must be bound to.
        :raises UntrustedPayloadError: a signature is missing, wrong or for something else; nothing
            of the value was read.
        :raises SerializationError: damaged, over the limits, in another format, or not what the
            annotation can hold.
        """
        return self.read_parts(self._open(data, path, context), annotation, path)

    def read_parts(self, body: memoryview, annotation: Any = None, path: str = "value") -> Any:
        """Read what :meth:`write_parts` gave, in one piece; its signature, if there is one, was checked before."""
        tag = bytes(body[:1])
        if tag == raw.RAW_TAG:
            return raw.decode(body, path)
        if tag != self.format_tag:
            raise SerializationError(path, f"format {tag!r} is not read by {type(self).__name__}")
        return self._read(body[1:], annotation, path)

    def read_apart(self, head: bytes, content: memoryview, annotation: Any = None, path: str = "value") -> Any:
        """Read what :meth:`write_parts` gave, in two pieces; arrays that come back are views of the second.

        :raises SerializationError: as :meth:`decode`.
        """
        if len(content) > self.limits.max_bytes:
            raise SerializationError(path, f"has {len(content)} bytes; at most {self.limits.max_bytes} are accepted")
        if head[:1] == raw.RAW_TAG:
            return raw.decode(memoryview(head), path, content)
        if head != self.format_tag:
            raise SerializationError(path, f"format {head[:1]!r} is not read by {type(self).__name__}")
        return self._read(content, annotation, path)

    def _open(self, data: Buffer, path: str, context: SigningContext | None) -> memoryview:
        """The envelope without its signature, which is checked first."""
        body = memoryview(data)
        if body.format != "B" or body.ndim != 1:
            body = body.cast("B")
        if len(body) > self.limits.max_bytes + KeyRing.MAX_OVERHEAD:
            raise SerializationError(path, f"has {len(body)} bytes; at most {self.limits.max_bytes} are accepted")
        if self._keys is not None:
            return self._keys.verify(body, context)
        if body[:1] == SIGNED_TAG:
            raise UntrustedPayloadError(f"{path}: signed, and {type(self).__name__} has no key to check it with")
        return body

    def _write(self, value: Any, path: str) -> bytes:
        """The value without an envelope. Overridden by the serializers that know about paths."""
        try:
            text = self.serialize(value)
        except SerializationError:
            raise
        except Exception as error:
            raise SerializationError(path, f"{type(self).__name__} cannot write it: {error}") from error
        return b"s" + text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b"b" + text

    def _read(self, payload: memoryview, annotation: Any, path: str) -> Any:
        """Read what :meth:`_write` wrote; ``annotation`` is for the serializers that use it."""
        try:
            body = bytes(payload[1:])
            return self.deserialize(body.decode("utf-8", "surrogatepass") if payload[0] == ord("s") else body)
        except SerializationError:
            raise
        except Exception as error:
            raise SerializationError(path, f"{type(self).__name__} cannot read it: {error}") from error
