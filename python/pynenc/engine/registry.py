"""Which engines there are, and the components of each: names to classes, imported when used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynenc.exceptions import ConfigError

ENGINES: Mapping[str, str] = {
    "local": "pynenc.engine.local:create",
    "memory": "pynenc.engine.memory:create",
    "redis": "pynenc.engine.redis:create",
}
"""Name to ``module:function``; the function makes the engine of an application."""

IN_PROCESS = frozenset({"memory"})
"""Engines that no other process can read or write."""

BEYOND_PROCESS = 'engine="local" shares work between the processes of this machine, engine="redis" between machines'
"""What somebody is told who looks for an engine in the wrong process."""

ALIASES: Mapping[str, str] = {"MemTaskBroker": "MemBroker"}

COMPONENTS: Mapping[str, Mapping[str, str]] = {
    "orchestrator_cls": {
        "MemOrchestrator": "pynenc.orchestrator.mem_orchestrator:MemOrchestrator",
        "RedisOrchestrator": "pynenc.orchestrator.redis_orchestrator:RedisOrchestrator",
    },
    "broker_cls": {
        "MemBroker": "pynenc.broker.mem_broker:MemBroker",
        "RedisBroker": "pynenc.broker.redis_broker:RedisBroker",
    },
    "state_backend_cls": {
        "MemStateBackend": "pynenc.state_backend.mem_state_backend:MemStateBackend",
        "RedisStateBackend": "pynenc.state_backend.redis_state_backend:RedisStateBackend",
    },
    "arg_cache_cls": {
        "MemArgCache": "pynenc.arg_cache.mem_arg_cache:MemArgCache",
        "RedisArgCache": "pynenc.arg_cache.redis_arg_cache:RedisArgCache",
        "DisabledArgCache": "pynenc.arg_cache.disabled_arg_cache:DisabledArgCache",
    },
    "serializer_cls": {
        "JsonSerializer": "pynenc.serializer.json_serializer:JsonSerializer",
        "PickleSerializer": "pynenc.serializer.pickle_serializer:PickleSerializer",
        "CloudpickleSerializer": "pynenc.serializer.cloudpickle_serializer:CloudpickleSerializer",
    },
    "runner_cls": {
        "ThreadRunner": "pynenc.runner.thread_runner:ThreadRunner",
        "MultiThreadRunner": "pynenc.runner.multi_thread_runner:MultiThreadRunner",
        "PersistentProcessRunner": "pynenc.runner.persistent_process_runner:PersistentProcessRunner",
        "ProcessRunner": "pynenc.runner.process_runner:ProcessRunner",
        "DummyRunner": "pynenc.runner.dummy_runner:DummyRunner",
    },
}
"""Setting to class name to ``module:class``."""


def load_engine(name: str) -> Any:
    """Find the function that makes an engine.

    :raises ConfigError: when there is no engine of that name.
    """
    if name not in ENGINES:
        raise ConfigError(f"engine {name!r} is unknown; accepted: {', '.join(sorted(ENGINES))}")
    return _imported(ENGINES[name])


def stays_in_process(name: str) -> bool:
    """Tell whether no other process can read or write what an engine keeps."""
    return name in IN_PROCESS


def load_component(setting: str, name: str, base: type[Any]) -> type[Any]:
    """Find the class that a ``*_cls`` setting names: one of ours, or any loaded subclass of the base.

    :raises ConfigError: when there is none.
    """
    name = ALIASES.get(name, name)
    known = COMPONENTS[setting]
    if name in known:
        found: type[Any] = _imported(known[name])
        return found
    others = {cls.__name__: cls for cls in _subclasses(base) if not getattr(cls, "__abstractmethods__", None)}
    if name in others:
        return others[name]
    accepted = ", ".join(sorted({*known, *others}))
    raise ConfigError(
        f"{setting} is {name!r}: no loaded subclass of {base.__name__} has that name, "
        f"and it is unknown; accepted: {accepted}"
    )


def _imported(path: str) -> Any:
    from importlib import import_module

    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _subclasses(base: type[Any]) -> list[type[Any]]:
    found: list[type[Any]] = []
    for cls in base.__subclasses__():
        found += [cls, *_subclasses(cls)]
    return found
