"""The engine on Redis or Valkey, set up from the settings of an application."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING
from weakref import ref

from pynenc._core import RedisEngine
from pynenc.conf.config_redis import (
    ConfigArgCacheRedis,
    ConfigBrokerRedis,
    ConfigOrchestratorRedis,
    ConfigRedis,
    ConfigStateBackendRedis,
    without_password,
)
from pynenc.engine.outages import log_outages
from pynenc.exceptions import ConfigError

if TYPE_CHECKING:
    from pynenc.ports import AppPort

_COMPONENTS: tuple[type[ConfigRedis], ...] = (
    ConfigBrokerRedis,
    ConfigStateBackendRedis,
    ConfigArgCacheRedis,
)


def create(app: AppPort) -> RedisEngine:
    """Make an engine on the server that the settings name. Nothing is connected before it is used.

    :raises ConfigError: when the settings name no server, or components are to be on different ones.
    """
    conf = ConfigOrchestratorRedis(config_values=app.config_values, config_filepath=app.config_filepath)
    _check_one_server(app, conf)
    return create_at(app, conf.address, conf)


def create_at(app: AppPort, url: str, conf: ConfigRedis) -> RedisEngine:
    """Make an engine on the server at ``url``; of ``conf`` only the time limits count.

    :raises ConfigError: when the address cannot be read.
    """
    from pynenc.serializer.task_codec import make_port_wire

    limits = app.conf
    engine = RedisEngine(
        url,
        app.app_id,
        wire=make_port_wire(app.app_id),
        lease_seconds=limits.lease_seconds,
        max_losses=limits.max_losses,
        keep_seconds=limits.keep_results_seconds,
        keep_count=limits.keep_results_count,
        keep_bytes=limits.keep_results_bytes,
        seconds={
            "connect": conf.socket_connect_timeout,
            "reply": conf.socket_timeout,
            "overall": conf.redis_retry_seconds,
            "first": conf.redis_first_contact_seconds,
        },
    )
    cache = ConfigArgCacheRedis(config_values=app.config_values, config_filepath=app.config_filepath)
    engine.keep_at_hand(cache.local_cache_size, cache.local_cache_bytes)
    log_outages(engine, app.logger)
    _close_at_exit(engine)
    return engine


def _check_one_server(app: AppPort, conf: ConfigRedis) -> None:
    """Refuse components on different servers: each step of an engine is one decision in one place."""
    for kind in _COMPONENTS:
        other = kind(config_values=app.config_values, config_filepath=app.config_filepath)
        if other.address != conf.address:
            raise ConfigError(
                f"{kind.__name__} names {without_password(other.address)}, and {type(conf).__name__} "
                f"{without_password(conf.address)}: an engine is on one server; set it once, in ConfigRedis"
            )


def _close_at_exit(engine: RedisEngine) -> None:
    """Have what was ended acknowledged before the interpreter goes, and its threads ended."""
    known = ref(engine)

    def close() -> None:
        found = known()
        if found is not None:
            found.close()

    atexit.register(close)
