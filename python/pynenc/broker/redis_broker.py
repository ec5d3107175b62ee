"""The broker of the engine on Redis or Valkey."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pynenc.broker.engine_broker import EngineBroker

if TYPE_CHECKING:
    from pynenc.conf.config_redis import ConfigBrokerRedis


class RedisBroker(EngineBroker):
    """The queue on a server."""

    in_process: ClassVar[bool] = False

    @cached_property
    def conf(self) -> ConfigBrokerRedis:
        """Its settings, and where the server is."""
        from pynenc.conf.config_redis import ConfigBrokerRedis

        return ConfigBrokerRedis(config_values=self.app.config_values, config_filepath=self.app.config_filepath)
