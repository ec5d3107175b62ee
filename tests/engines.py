"""The engines under test: every test of the port runs once on each of them."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import pytest
import redis
from hypothesis import given, settings

from pynenc._core import ManualClock, MemoryEngine, RedisEngine
from pynenc.ports import EnginePort
from pynenc.serializer.task_codec import make_port_wire


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds an engine; tests set what they are about."""

    lease_seconds: float = 15.0
    max_losses: int = 3
    keep_seconds: float = 86_400.0
    keep_count: int = 100_000
    keep_bytes: int = 268_435_456
    wait_links: int = 1_000

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class TestedEngine(EnginePort, Protocol):
    """The port, and the check that every engine brings along."""

    __test__ = False  # no test class, whatever its name says

    def doctor(self) -> list[str]:
        """Violated invariants, a line each."""
        ...


class Make(Protocol):
    """Makes new and empty engines of one kind, which go by the clock."""

    share: float
    """Of the examples that the profile asks for, how many it gets: a step on a server takes a hundred times as long."""
    keeps_objects: bool
    """Whether what it is given comes back as the same object, and not as an equal one."""

    def __call__(self, clock: ManualClock, limits: Limits) -> TestedEngine: ...


class MakeMemory:
    share = 1.0
    keeps_objects = True

    def __call__(self, clock: ManualClock, limits: Limits) -> TestedEngine:
        return MemoryEngine(clock=clock, **limits.as_dict())


class MakeRedis:
    """Every engine is an app of its own, whose keys go when the engine does."""

    share = 0.1
    keeps_objects = False

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)
        self.apps = (f"engine-{os.getpid()}-{number}" for number in count())

    def __call__(self, clock: ManualClock, limits: Limits) -> TestedEngine:
        app_id = next(self.apps)
        engine = RedisEngine(self.url, app_id, wire=make_port_wire(app_id), clock=clock, **limits.as_dict())
        weakref.finalize(engine, self.forget, app_id).atexit = False
        return engine

    def forget(self, app_id: str) -> None:
        with contextlib.suppress(redis.ConnectionError):  # a server that is gone has forgotten
            for name in self.client.scan_iter(f"pynenc:4:{{{app_id}}}:*", count=1_000):
                self.client.unlink(name)


def _make_redis(request: pytest.FixtureRequest) -> Make:
    url = os.environ.get("PYNENC_TEST_REDIS_URL")
    return MakeRedis(url or request.getfixturevalue("engine_server").url)


ENGINES: Mapping[str, Callable[[pytest.FixtureRequest], Make]] = {
    "memory": lambda _: MakeMemory(),
    "redis": _make_redis,
}


@pytest.fixture(scope="session", params=ENGINES)
def make(request: pytest.FixtureRequest) -> Make:
    return ENGINES[request.param](request)


def examples(make: Make) -> int:
    """How many examples a property gets on this kind of engine."""
    return max(1, round(settings().max_examples * make.share))


def explored(**strategies: Any) -> Callable[[Callable[..., None]], Callable[[Make], None]]:
    """Like hypothesis's `given`, once for each kind of engine, which the test gets as `make`."""

    def decorate(test: Callable[..., None]) -> Callable[[Make], None]:
        def run(make: Make) -> None:
            settings(max_examples=examples(make))(given(**strategies)(test))(make=make)

        run.__name__, run.__qualname__, run.__doc__ = test.__name__, test.__qualname__, test.__doc__
        run.__module__ = test.__module__
        return run

    return decorate
