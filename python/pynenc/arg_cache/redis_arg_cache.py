"""The argument cache of the engine on Redis or Valkey."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pynenc._core import RedisEngine
from pynenc.arg_cache.disabled_arg_cache import DisabledArgCache

if TYPE_CHECKING:
    from pynenc.conf.config_redis import ConfigArgCacheRedis


class RedisArgCache(DisabledArgCache):
    """Large arguments and results of the engine are stored once, by their digests, and kept at hand.

    The engine does that by itself; texts that are asked for here pass through.
    """

    in_process: ClassVar[bool] = False

    @cached_property
    def conf(self) -> ConfigArgCacheRedis:
        """Its settings, and where the server is."""
        from pynenc.conf.config_redis import ConfigArgCacheRedis

        return ConfigArgCacheRedis(config_values=self.app.config_values, config_filepath=self.app.config_filepath)

    @property
    def blobs_from(self) -> int | None:
        """From how many bytes on the engine sends a value by its digest."""
        return self.conf.min_size_to_cache

    def counters(self) -> dict[str, int]:
        """What was sent, saved, fetched and at hand in this process since the engine began.

        Beside ``hits``, ``misses`` (a value was not at hand in the process), ``evictions`` and ``bytes_saved``:
        ``sent``, ``bytes_sent``, ``skipped`` (a value was named because the server had it), ``fetched``,
        ``bytes_fetched``, ``decoded`` and ``bytes_at_hand``. Where the process takes part in the cache of its host,
        too: ``host_hits`` (values that were there), ``host_fills`` (that it has put there), ``host_private`` (that
        found no room), ``host_evicted``, and ``host_bytes`` and ``host_limit`` of the cache itself.
        """
        engine = self.app.runtime.engine
        if not isinstance(engine, RedisEngine):
            return super().counters()
        told, host = engine.blob_counters(), engine.host_cache_stats() or {}
        return {
            **super().counters(),
            **told,
            **{f"host_{name}": count for name, count in host.items()},
        }
