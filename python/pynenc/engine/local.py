"""The local engine: the redis engine on a private server that takes care of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, finalize

from pynenc.conf.config_local import ConfigLocal
from pynenc.conf.config_redis import ConfigRedis
from pynenc.engine.redis import create_at
from pynenc.local_server.ensure import LocalServer, ensure_server

if TYPE_CHECKING:
    from pynenc._core import RedisEngine
    from pynenc.ports import AppPort

_server_of: WeakKeyDictionary[RedisEngine, LocalServer] = WeakKeyDictionary()


def create(app: AppPort) -> RedisEngine:
    """Make an engine on the application's server, which is started if no process has it running.

    :raises LocalServerError: there is no program for the server, it does not come up, or its place is not safe.
    """
    values, filepath = app.config_values, app.config_filepath
    server = ensure_server(app.app_id, ConfigLocal(config_values=values, config_filepath=filepath))
    try:
        engine = create_at(app, server.url, ConfigRedis(config_values=values, config_filepath=filepath))
    except BaseException:
        server.release()
        raise
    _server_of[engine] = server
    # At the end of the process the connection ends by itself, after whatever the engine still has to say.
    finalize(engine, server.release).atexit = False
    return engine


def close(engine: RedisEngine, seconds: float) -> None:
    """End an engine, and wait until its server is gone, too, if nobody else uses it.

    :param seconds: how long to wait for that at most.
    """
    engine.close()
    server = _server_of.pop(engine, None)
    if server is not None:
        server.release()
        server.wait_until_gone(seconds)
