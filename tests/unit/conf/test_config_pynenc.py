from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from pynenc import conf as package
from pynenc.conf import (
    ArgumentPrintMode,
    ConfigArgCache,
    ConfigBroker,
    ConfigOrchestrator,
    ConfigPynenc,
    ConfigPynencBase,
    ConfigRunner,
    ConfigThreadRunner,
)
from pynenc.exceptions import ConfigError

CLASSES = [
    value
    for value in vars(package).values()
    if inspect.isclass(value) and issubclass(value, ConfigPynencBase) and value is not ConfigPynencBase
]


@pytest.fixture(autouse=True)
def _empty_directory(in_tmp_dir: Path) -> None:
    """No file is found by accident."""


def test_defaults() -> None:
    assert {setting.field: setting.value for setting in ConfigPynenc().provenance()} == {
        "app_id": "pynenc",
        "engine": "memory",
        "orchestrator_cls": "MemOrchestrator",
        "broker_cls": "MemBroker",
        "state_backend_cls": "MemStateBackend",
        "serializer_cls": "JsonSerializer",
        "arg_cache_cls": "MemArgCache",
        "runner_cls": "ThreadRunner",
        "auto_runner": True,
        "inline_waits": True,
        "dev_mode_force_sync_tasks": False,
        "strict_serialization": False,
        "ship_main": False,
        "signing_key": "",
        "lease_seconds": 15.0,
        "max_losses": 3,
        "keep_results_seconds": 86400.0,
        "keep_results_count": 100000,
        "keep_results_bytes": 268435456,
        "logging_level": "info",
        "print_arguments": True,
        "truncate_arguments_length": 32,
        "argument_print_mode": ArgumentPrintMode.TRUNCATED,
        "max_pending_seconds": 5.0,
        "cached_status_time": 0.1,
    }
    assert {setting.source for setting in ConfigPynenc().provenance()} == {"default"}


def test_defaults_of_components() -> None:
    assert ConfigBroker().queue_timeout_sec == 0.1
    assert (ConfigArgCache().min_size_to_cache, ConfigArgCache().local_cache_size) == (1024, 1024)
    orchestrator = ConfigOrchestrator()
    assert (orchestrator.cycle_control, orchestrator.blocking_control) == (True, True)
    assert orchestrator.auto_final_invocation_purge_hours == 24.0
    runner, threads = ConfigRunner(), ConfigThreadRunner()
    assert (runner.min_parallel_slots, runner.grace_period_seconds) == (1, 25.0)
    assert (runner.runner_loop_sleep_time_sec, threads.runner_loop_sleep_time_sec) == (0.1, 0.01)
    assert (threads.min_threads, threads.max_threads, threads.async_slots) == (1, 0, 1000)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_field_is_documented(kind: type[ConfigPynencBase]) -> None:
    assert all(doc.text for doc in kind.describe().values())
    names = {line.split(":")[1].split()[-1] for line in (kind.__doc__ or "").splitlines() if ":cvar" in line}
    assert names <= set(kind.fields())


def test_there_are_many() -> None:
    assert len(CLASSES) >= 8
    assert sum(len(kind.fields()) for kind in CLASSES) >= 45


# -- the short form -------------------------------------------------------------------------------
def sources(conf: ConfigPynenc) -> dict[str, str]:
    return {name: conf.source_of(name) for name in ("broker_cls", "orchestrator_cls", "runner_cls")}


def test_engine_sets_what_nobody_has_set() -> None:
    conf = ConfigPynenc({"engine": "Memory", "broker_cls": "MyBroker"})
    assert (conf.engine, conf.broker_cls, conf.orchestrator_cls) == ("memory", "MyBroker", "MemOrchestrator")
    followed = "engine 'memory' from code"
    assert sources(conf) == {"broker_cls": "code", "orchestrator_cls": followed, "runner_cls": followed}


def test_engine_assigned_later() -> None:
    conf = ConfigPynenc()
    conf.runner_cls = "DummyRunner"
    conf.engine = "memory"
    assert (conf.runner_cls, conf.broker_cls) == ("DummyRunner", "MemBroker")
    followed = "engine 'memory' from assignment"
    assert sources(conf) == {"broker_cls": followed, "orchestrator_cls": followed, "runner_cls": "assignment"}


def test_unknown_engine() -> None:
    with pytest.raises(ConfigError, match=r"^engine = 'radish' from code: expected one of memory, redis, local$"):
        ConfigPynenc({"engine": "radish"})


def test_defaults_of_a_subclass_stand() -> None:
    class ConfigMine(ConfigPynenc):
        runner_cls = package.ConfigField("DummyRunner")

    assert ConfigMine().runner_cls == "DummyRunner"


# -- values ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("app_id", "A-z_0.9", "A-z_0.9"),
        ("app_id", "x" * 64, "x" * 64),
        ("lease_seconds", "1m", 60.0),
        ("lease_seconds", 1, 1.0),
        ("logging_level", "WARNING", "warning"),
        ("argument_print_mode", "hidden", ArgumentPrintMode.HIDDEN),
        ("argument_print_mode", "KEYS", ArgumentPrintMode.KEYS),
        ("strict_serialization", "yes", True),
        ("auto_runner", "0", False),
        ("keep_results_seconds", "1d", 86400.0),
    ],
)
def test_values(monkeypatch: pytest.MonkeyPatch, field: str, value: Any, expected: object) -> None:
    assert getattr(ConfigPynenc({field: value}), field) == expected
    monkeypatch.setenv(f"PYNENC__CONFIGPYNENC__{field.upper()}", str(value))
    assert getattr(ConfigPynenc(), field) == expected


@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        ("app_id", "", "1 to 64 of the characters"),
        ("app_id", "a b", "1 to 64 of the characters"),
        ("app_id", "x" * 65, "1 to 64 of the characters"),
        ("app_id", "a\n", "1 to 64 of the characters"),
        ("app_id", 3, "1 to 64 of the characters"),
        ("lease_seconds", 0.5, "a number of seconds, or a duration such as 500ms, 30s, 5m, 2h, 1d, at least 1"),
        ("max_losses", 0, "an integer, at least 1"),
        ("keep_results_count", -1, "an integer, at least 0"),
        ("logging_level", "loud", "one of debug, info, warning, error, critical"),
        ("argument_print_mode", "none", "one of full, keys, truncated, hidden"),
        ("runner_cls", None.__class__, "a text"),
    ],
)
def test_refused(field: str, value: Any, accepted: str) -> None:
    with pytest.raises(ConfigError, match=rf"(?s)^{field} = .* from code: expected {accepted}"):
        ConfigPynenc({field: value})


def test_the_signing_key_is_never_shown() -> None:
    conf = ConfigPynenc({"signing_key": "hunter2"})
    assert conf.signing_key == "hunter2"
    assert "hunter2" not in repr(conf) + repr(conf.provenance())


def test_one_dictionary_serves_every_class() -> None:
    values = {"min_size_to_cache": 5, "threadrunner": {"max_threads": 3}, "runner": {"max_threads": 2}, "app_id": "x"}
    assert (ConfigPynenc(values).app_id, ConfigArgCache(values).min_size_to_cache) == ("x", 5)
    assert ConfigThreadRunner(values).max_threads == 3
