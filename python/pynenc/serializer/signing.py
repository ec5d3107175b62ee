"""Signatures that say where a payload comes from and what it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from pynenc.exceptions import ConfigError, UntrustedPayloadError

__all__ = ["SIGNED_TAG", "KeyRing", "SigningContext"]

SIGNED_TAG = b"S"
_VERSION = 1
_MAC_BYTES = 32
_MIN_KEY_BYTES = 16
_MAX_ID_BYTES = 64
_ALIGNMENT = 16


class SigningContext(NamedTuple):
    """What a signature binds a payload to: a valid one cannot be moved elsewhere.

    :param app_id: the app.
    :param item_id: the invocation, or the digest of a blob.
    :param task_id: the task.
    :param purpose: what the payload is of the item, such as ``arguments`` or ``result``.
    """

    app_id: str = ""
    item_id: str = ""
    task_id: str = ""
    purpose: str = ""


class KeyRing:
    """The keys that signatures are made and checked with (HMAC-SHA256).

    A signature proves that somebody with a key wrote this payload for this place. It hides nothing,
    and does not stop the same payload from being put there twice. No key ever appears in ``repr``
    or in an error.

    :param keys: name of a key to the key. Every one is accepted when reading, so that a new key can
        be handed out before it is used and an old one kept until nothing needs it.
    :param signing: the name of the key that signs.
    :raises ConfigError: no such key, a key shorter than 16 bytes, or a name that is empty, not
        ASCII, or longer than 64 characters.
    """

    MAX_OVERHEAD: ClassVar[int] = 128

    __slots__ = ("_keys", "_signing")

    def __init__(self, keys: Mapping[str, bytes], signing: str) -> None:
        self._keys: dict[bytes, bytes] = {}
        for name, key in keys.items():
            if not (name.isascii() and 0 < len(name) <= _MAX_ID_BYTES):
                raise ConfigError(f"signing key name {name!r}: 1 to {_MAX_ID_BYTES} ASCII characters are accepted")
            if not isinstance(key, bytes) or len(key) < _MIN_KEY_BYTES:
                raise ConfigError(f"signing key {name!r}: at least {_MIN_KEY_BYTES} bytes are needed")
            self._keys[name.encode()] = key
        if signing not in keys:
            raise ConfigError(f"signing key {signing!r} is not one of {sorted(keys)}")
        self._signing = signing.encode()

    @classmethod
    def of(cls, key: bytes | str) -> KeyRing:
        """A ring of one key, named after its digest.

        :raises ConfigError: it is shorter than 16 bytes.
        """
        import hashlib

        secret = key.encode() if isinstance(key, str) else key
        name = hashlib.sha256(b"pynenc signing key name\x00" + secret).hexdigest()[:8]
        return cls({name: secret}, name)

    def __repr__(self) -> str:
        names = ", ".join(name.decode() for name in self._keys)
        return f"KeyRing({names}; signing: {self._signing.decode()})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a KeyRing holds secrets and is not pickled")

    def sign(self, parts: Sequence[bytes | bytearray | memoryview], context: SigningContext | None = None) -> bytes:
        """The header to put before ``parts``."""
        mac = self._mac(self._signing, parts, context or SigningContext())
        head = SIGNED_TAG + bytes((_VERSION, len(self._signing))) + self._signing + mac
        return head + bytes(-len(head) % _ALIGNMENT)

    def verify(self, data: memoryview, context: SigningContext | None = None) -> memoryview:
        """What follows the header of ``data``, once its signature is proved.

        :raises UntrustedPayloadError: not signed, signed with a key that is not in the ring, changed
            since, or made for another app, invocation, task or purpose.
        """
        import hmac

        if data[:1] != SIGNED_TAG:
            raise UntrustedPayloadError("the payload is not signed, and a signing key is set")
        if len(data) < 3 or data[1] != _VERSION:
            raise UntrustedPayloadError("the signature is of a version that is not known here")
        name = bytes(data[3 : 3 + data[2]])
        start = 3 + len(name)
        mac, body_at = bytes(data[start : start + _MAC_BYTES]), start + _MAC_BYTES
        body_at += -body_at % _ALIGNMENT
        if name not in self._keys or len(mac) != _MAC_BYTES or any(data[start + _MAC_BYTES : body_at]):
            raise UntrustedPayloadError("the payload is signed with a key that is not accepted here")
        body = data[body_at:]
        if not hmac.compare_digest(mac, self._mac(name, (body,), context or SigningContext())):
            raise UntrustedPayloadError("the signature does not fit: changed, or made for something else")
        return body

    def _mac(self, name: bytes, parts: Sequence[bytes | bytearray | memoryview], context: SigningContext) -> bytes:
        """HMAC over the version, the key's name, the context and the payload, each with its length."""
        import hashlib
        import hmac

        mac = hmac.new(self._keys[name], digestmod=hashlib.sha256)
        for field in (bytes((_VERSION,)), name, *(text.encode("utf-8", "surrogatepass") for text in context)):
            mac.update(len(field).to_bytes(8, "little"))
            mac.update(field)
        mac.update(sum(len(part) for part in parts).to_bytes(8, "little"))
        for part in parts:
            mac.update(part)
        return mac.digest()
