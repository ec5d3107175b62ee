"""The state backend of the engine on Redis or Valkey."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pynenc.state_backend.engine_state_backend import EngineStateBackend

if TYPE_CHECKING:
    from pynenc.conf.config_redis import ConfigStateBackendRedis


class RedisStateBackend(EngineStateBackend):
    """What became of invocations, as a server knows it."""

    in_process: ClassVar[bool] = False

    @cached_property
    def conf(self) -> ConfigStateBackendRedis:
        """Its settings, and where the server is."""
        from pynenc.conf.config_redis import ConfigStateBackendRedis

        return ConfigStateBackendRedis(config_values=self.app.config_values, config_filepath=self.app.config_filepath)
