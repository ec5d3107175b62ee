"""Engines at their port, on a real server: for tests of single decisions, where no worker process is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis

from pynenc._core import RedisEngine
from pynenc.serializer.task_codec import make_port_wire

APP_ID = "port"


class Engines:
    """Makes engines on one server; all of them are of one application unless told otherwise.

    :param url: Of the server.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[RedisEngine] = []
        self._app_ids: set[str] = set()

    def new(self, *, url: str | None = None, app_id: str = APP_ID, **limits: Any) -> RedisEngine:
        """Make one more, as another process would have it."""
        engine = RedisEngine(url or self._url, app_id, wire=make_port_wire(app_id), **limits)
        self._made.append(engine)
        self._app_ids.add(app_id)
        return engine

    def examine(self) -> None:
        """Each of their applications finds nothing wrong with its records."""
        for app_id in sorted(self._app_ids):
            assert self.new(app_id=app_id).doctor() == []  # past any proxy, and whatever the test did to its own

    def close(self) -> None:
        """Let go of the server."""
        for engine in self._made:
            engine.close(0.0)


def snapshot_of(client: redis.Redis) -> Callable[[], dict[bytes, bytes]]:
    """Take every byte that the server keeps, by key; called again, it takes them again."""

    def take() -> dict[bytes, bytes]:
        found: Any = client.keys("*")
        return {key: client.dump(key) for key in found}

    return take
