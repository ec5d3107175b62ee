"""The argument cache of the engine on Redis or Valkey."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pynenc.arg_cache.disabled_arg_cache import DisabledArgCache

if TYPE_CHECKING:
    from pynenc.conf.config_redis import ConfigArgCacheRedis


class RedisArgCache(DisabledArgCache):
    """Passes every value through as its text: nothing is stored apart from the calls yet."""

    in_process: ClassVar[bool] = False

    @cached_property
    def conf(self) -> ConfigArgCacheRedis:
        """Its settings, and where the server is."""
        from pynenc.conf.config_redis import ConfigArgCacheRedis

        return ConfigArgCacheRedis(config_values=self.app.config_values, config_filepath=self.app.config_filepath)
