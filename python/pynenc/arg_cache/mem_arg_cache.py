"""The argument cache of this process."""

from __future__ import annotations

from sys import getsizeof
from typing import TYPE_CHECKING

from pynenc._core import ContentCache
from pynenc.arg_cache.base_arg_cache import BaseArgCache, digest_of

if TYPE_CHECKING:
    from pynenc.ports import AppPort

MAX_BYTES = 256 * 1024 * 1024


class MemArgCache(BaseArgCache):
    """Keeps the latest used texts in memory, bounded by count and bytes.

    A key whose text had to make room raises ``KeyError`` when it is decoded.
    """

    def __init__(self, app: AppPort) -> None:
        super().__init__(app)
        self._texts = ContentCache(max_count=self.conf.local_cache_size, max_bytes=MAX_BYTES)

    def counters(self) -> dict[str, int]:
        """How it did since the start: ``hits``, ``misses``, ``evictions``, ``bytes_saved``."""
        return self._texts.counters()

    def _store(self, key: str, value: str) -> bool:
        size = getsizeof(value)
        self._texts.put(digest_of(key), value, size)
        return size <= MAX_BYTES

    def _retrieve(self, key: str) -> str:
        text = self._texts.get(digest_of(key))
        if not isinstance(text, str):
            raise KeyError(key)
        return text

    def _purge(self) -> None:
        self._texts.clear()
