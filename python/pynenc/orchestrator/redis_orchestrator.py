"""The orchestrator of the engine on Redis or Valkey."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pynenc.orchestrator.engine_orchestrator import EngineOrchestrator

if TYPE_CHECKING:
    from pynenc.conf.config_redis import ConfigOrchestratorRedis


class RedisOrchestrator(EngineOrchestrator):
    """Calls in, statuses out, on a server."""

    in_process: ClassVar[bool] = False

    @cached_property
    def conf(self) -> ConfigOrchestratorRedis:
        """Its settings, and where the server is."""
        from pynenc.conf.config_redis import ConfigOrchestratorRedis

        return ConfigOrchestratorRedis(config_values=self.app.config_values, config_filepath=self.app.config_filepath)
