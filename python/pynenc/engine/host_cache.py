"""Large values that the worker processes of one host hold together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc.ports import AppPort


def join_host_cache(app: AppPort) -> str:
    """Have this process share large values with the others of its host; the reason, if that is impossible.

    Everything works without it: each process then fetches and holds its own.
    """
    engine: Any = app.runtime.engine
    join = getattr(engine, "join_host_cache", None)
    if join is None:
        return ""
    from pynenc.conf.config_redis import ConfigArgCacheRedis

    conf = ConfigArgCacheRedis(config_values=app.config_values, config_filepath=app.config_filepath)
    if not conf.host_cache or not conf.host_cache_bytes:
        return ""
    return join(f"{engine.address} {app.app_id}", conf.host_cache_dir, conf.host_cache_bytes) or ""
