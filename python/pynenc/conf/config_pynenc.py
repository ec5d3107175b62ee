"""Settings of an application."""

from __future__ import annotations

import re
from enum import StrEnum, auto

from pynenc.conf.config_base import DEFAULT, ConfigPynencBase
from pynenc.conf.config_field import ConfigField

LOGGING_LEVELS = ("debug", "info", "warning", "error", "critical")

_APP_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_ON_SERVER: dict[str, str | int] = {
    "orchestrator_cls": "RedisOrchestrator",
    "broker_cls": "RedisBroker",
    "state_backend_cls": "RedisStateBackend",
    "arg_cache_cls": "RedisArgCache",
    "runner_cls": "PersistentProcessRunner",
    "keep_results_count": 1_000_000,
    "keep_results_bytes": 1_073_741_824,
}
# What the short form stands for, and what follows from it. Classes that two engines share stand for the first.
_DEFAULTS_OF_ENGINE: dict[str, dict[str, str | int]] = {
    "memory": {
        "orchestrator_cls": "MemOrchestrator",
        "broker_cls": "MemBroker",
        "state_backend_cls": "MemStateBackend",
        "arg_cache_cls": "MemArgCache",
        "runner_cls": "ThreadRunner",
        "keep_results_count": 100_000,
        "keep_results_bytes": 268_435_456,
    },
    "redis": _ON_SERVER,
    "local": _ON_SERVER,
}
_STORING = ("orchestrator_cls", "broker_cls", "state_backend_cls")
_FROM_ENGINE = "engine "


class ArgumentPrintMode(StrEnum):
    """How much of a call's arguments is printed."""

    FULL = auto()
    """Names and values."""
    KEYS = auto()
    """Names only."""
    TRUNCATED = auto()
    """Names, and values cut to ``truncate_arguments_length``."""
    HIDDEN = auto()
    """Nothing."""


def _to_app_id(value: object) -> str:
    if isinstance(value, str) and _APP_ID.fullmatch(value):
        return str(value)
    raise ValueError("not an application id")


class ConfigPynenc(ConfigPynencBase):
    """What an application is made of and how it behaves.

    :cvar str app_id:
        Name of the application, 1 to 64 letters, digits, dots, dashes and underscores. Applications of the same id
        share their work on engines that reach beyond one process.
    :cvar str engine:
        Where work is kept: ``memory`` is this process, ``local`` a private server for all processes of this machine,
        ``redis`` a Redis or Valkey server that many machines share. It chooses the class of each component and of the
        runner, and how much is kept, except what is set itself. Not set, it follows component classes that are.
    :cvar str orchestrator_cls:
        Class name of the orchestrator; follows ``engine``.
    :cvar str broker_cls:
        Class name of the broker; follows ``engine``.
    :cvar str state_backend_cls:
        Class name of the state backend; follows ``engine``.
    :cvar str serializer_cls:
        Class name of the serializer. Those that use pickle need ``signing_key`` beyond memory.
    :cvar str arg_cache_cls:
        Class name of the argument cache; follows ``engine``. ``DisabledArgCache`` turns it off.
    :cvar str runner_cls:
        Class name of the runner; follows ``engine``.
    :cvar bool auto_runner:
        On the memory engine, the first wait that finds no live runner in the process starts one in the background.
    :cvar bool inline_waits:
        A body that waits for an invocation which nobody has started may run it on its own thread.
    :cvar bool dev_mode_force_sync_tasks:
        A call runs the function at once, in the calling thread, without engine and runner.
    :cvar bool strict_serialization:
        The memory engine, too, encodes and decodes every argument and result, as the other engines must.
    :cvar bool ship_main:
        Send functions of ``__main__`` by value to runners that could not import them; without effect on the memory
        engine, whose runners share this process.
    :cvar str signing_key:
        Secret that signs pickled payloads; every process of the application needs the same. Empty: none.
    :cvar float lease_seconds:
        How long a worker's claim holds without being renewed, at least 1. Workers renew well before.
    :cvar int max_losses:
        An invocation whose worker died under it that often fails with ``WorkerLostError``.
    :cvar float keep_results_seconds:
        How long a finished invocation is kept with its result and history.
    :cvar int keep_results_count:
        How many finished invocations are kept; the oldest go first. On local and redis 1,000,000.
    :cvar int keep_results_bytes:
        How many bytes of finished invocations are kept; the oldest go first. On local and redis 1 GiB.
    :cvar str logging_level:
        The least level that is logged: debug, info, warning, error or critical.
    :cvar bool print_arguments:
        Print arguments at all, in logs and messages.
    :cvar int truncate_arguments_length:
        Characters of a value that are printed in mode ``truncated``; 0 prints all.
    :cvar ArgumentPrintMode argument_print_mode:
        How much of the arguments is printed: full, keys, truncated or hidden.
    :cvar float max_pending_seconds:
        Accepted, without effect: leases (``lease_seconds``) bound how long a claim may stay unstarted.
    :cvar float cached_status_time:
        Accepted, without effect: a status is never read from a cache.
    """

    app_id = ConfigField("pynenc", mapper=_to_app_id, accepts="1 to 64 of the characters A-Z a-z 0-9 _ . -")
    engine = ConfigField("memory", choices=tuple(_DEFAULTS_OF_ENGINE))
    orchestrator_cls = ConfigField("MemOrchestrator")
    broker_cls = ConfigField("MemBroker")
    state_backend_cls = ConfigField("MemStateBackend")
    serializer_cls = ConfigField("JsonSerializer")
    arg_cache_cls = ConfigField("MemArgCache")
    runner_cls = ConfigField("ThreadRunner")
    auto_runner = ConfigField(True)
    inline_waits = ConfigField(True)
    dev_mode_force_sync_tasks = ConfigField(False)
    strict_serialization = ConfigField(False)
    ship_main = ConfigField(False)
    signing_key = ConfigField("", secret=True)
    lease_seconds = ConfigField(15.0, unit="seconds", minimum=1)
    max_losses = ConfigField(3, minimum=1)
    keep_results_seconds = ConfigField(86_400.0, unit="seconds", minimum=0)
    keep_results_count = ConfigField(100_000, minimum=0)
    keep_results_bytes = ConfigField(268_435_456, minimum=0)
    logging_level = ConfigField("info", choices=LOGGING_LEVELS)
    print_arguments = ConfigField(True)
    truncate_arguments_length = ConfigField(32, minimum=0)
    argument_print_mode = ConfigField(ArgumentPrintMode.TRUNCATED)
    max_pending_seconds = ConfigField(5.0, unit="seconds", minimum=0)
    cached_status_time = ConfigField(0.1, unit="seconds", minimum=0)

    def _settle(self, changed: str | None = None) -> None:
        """Let the component classes follow the engine, as far as nobody has set them."""
        if changed not in {None, "engine"}:
            return
        if changed is None and self.source_of("engine") == DEFAULT:
            self._follow_components()
        engine_source = self.source_of("engine")
        if changed is None and engine_source == DEFAULT:  # the fields' own defaults say it already
            return
        source = DEFAULT if engine_source == DEFAULT else f"{_FROM_ENGINE}{self.engine!r} from {engine_source}"
        for name, value in _DEFAULTS_OF_ENGINE[self.engine].items():
            if self._sources[name] == DEFAULT or self._sources[name].startswith(_FROM_ENGINE):
                self._values[name] = value
                self._sources[name] = source

    def _follow_components(self) -> None:
        """Take the engine from the first class that was set and belongs to one alone."""
        for name in _STORING:
            for engine, defaults in _DEFAULTS_OF_ENGINE.items():
                if self._sources[name] != DEFAULT and self._values[name] == defaults[name]:
                    self._values["engine"] = engine
                    self._sources["engine"] = f"{name} from {self._sources[name]}"
                    return
