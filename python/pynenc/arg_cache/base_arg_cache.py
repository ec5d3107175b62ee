"""What an argument cache does; subclasses say where the texts are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pynenc._core import fingerprint

if TYPE_CHECKING:
    from pynenc.conf.config_arg_cache import ConfigArgCache
    from pynenc.ports import AppPort

KEY_PREFIX = "__pynenc__arg_cache__:"
_ESCAPE = "__pynenc__text__:"
_BYTES = "__pynenc__bytes__:"
_RESERVED = (KEY_PREFIX, _ESCAPE, _BYTES)
_DIGITS = frozenset("0123456789abcdef")


class CacheKey(str):
    """A key that :meth:`BaseArgCache.serialize` gave; a text of a user is never one."""

    __slots__ = ()


class BaseArgCache(ABC):
    """Keeps the text of large values once, under a digest of its content.

    Equal texts have one key, different ones never share one. What :meth:`deserialize` gives is
    decoded anew each time, so nobody sees what another one did to it.

    :param app: The application.
    """

    def __init__(self, app: AppPort) -> None:
        self.app = app

    @cached_property
    def conf(self) -> ConfigArgCache:
        """Its settings."""
        from pynenc.conf.config_arg_cache import ConfigArgCache

        return ConfigArgCache(config_values=self.app.config_values, config_filepath=self.app.config_filepath)

    def serialize(self, obj: Any, disable_cache: bool = False) -> str:
        """Encode a value: its text, or a key when the text has ``min_size_to_cache`` bytes or more.

        A key that this method gave is returned as it is. A text of a user that looks like a key is
        escaped, and comes back as the text that it is.

        :param disable_cache: Always give the text.
        :raises SerializationError: when it cannot be encoded.
        """
        if isinstance(obj, CacheKey):
            return obj
        text = _as_text(self.app.serializer.serialize(obj))
        data = text.encode("utf-8", "surrogatepass")
        if disable_cache or len(data) < self.conf.min_size_to_cache:
            return text
        key = CacheKey(f"{KEY_PREFIX}{fingerprint(data).hex()}")
        return key if self._store(key, text) else text

    def deserialize(self, data: str) -> Any:
        """Decode what :meth:`serialize` gave.

        :raises KeyError: when it is a key whose text is no longer kept.
        """
        text = self._retrieve(data) if self.is_cache_key(data) else data
        if text.startswith(_BYTES):
            from base64 import b64decode

            return self.app.serializer.deserialize(b64decode(text[len(_BYTES) :]))
        return self.app.serializer.deserialize(text.removeprefix(_ESCAPE))

    def is_cache_key(self, data: str) -> bool:
        """Tell whether an encoded value is a key."""
        digits = data[len(KEY_PREFIX) :]
        return data.startswith(KEY_PREFIX) and len(digits) == 64 and set(digits) <= _DIGITS

    @property
    def blobs_from(self) -> int | None:
        """From how many bytes on the engine sends a value by its digest; ``None``: never."""
        return None

    def purge(self) -> None:
        """Forget every text."""
        self._purge()

    def counters(self) -> dict[str, int]:
        """How it did since the start: ``hits``, ``misses``, ``evictions``, ``bytes_saved``."""
        return {"hits": 0, "misses": 0, "evictions": 0, "bytes_saved": 0}

    @abstractmethod
    def _store(self, key: str, value: str) -> bool:
        """Keep the text; ``False`` when it is too large to be kept at all."""

    @abstractmethod
    def _retrieve(self, key: str) -> str:
        """Find the text.

        :raises KeyError: when it is not kept.
        """

    @abstractmethod
    def _purge(self) -> None:
        """Forget every text."""


def digest_of(key: str) -> bytes:
    """The digest in a key."""
    return bytes.fromhex(key[len(KEY_PREFIX) :])


def _as_text(data: str | bytes) -> str:
    if isinstance(data, str):
        return _ESCAPE + data if data.startswith(_RESERVED) else data
    from base64 import b64encode

    return _BYTES + b64encode(data).decode("ascii")
