"""Bad options and settings, wherever they are given: an error that names key, source, value and what is accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pynenc import Pynenc
from pynenc.conf.catalog import PynencConfigWarning
from pynenc.exceptions import ConfigError, InvalidTaskOptionsError

app = Pynenc("bad-settings", config_values={"logging_level": "critical"})


def add(x: int, y: int = 2) -> int:
    return x + y


def test_an_unknown_option_is_refused_at_decoration() -> None:
    with pytest.raises(TypeError, match="max_retrys"):
        app.task(max_retrys=1)  # type: ignore[call-overload]
    with pytest.raises(InvalidTaskOptionsError, match=rf"{__name__}\.add.*key_arguments \['z'\].*\['x', 'y'\]"):
        app.task(add, key_arguments=("x", "z"))
    with pytest.raises(InvalidTaskOptionsError, match=r"max_retries = 'many' from decorator of .*add: expected an int"):
        app.task(add, max_retries="many")  # type: ignore[call-overload]


def test_only_a_function_at_the_top_level_of_a_module_is_a_task() -> None:
    def local() -> None: ...

    class Holder:
        def method(self) -> None: ...

    for refused, name in ((local, "local"), (Holder.method, "method"), (lambda: 0, "<lambda>")):
        for decorate in (app.task, app.direct_task):
            with pytest.raises(ValueError, match=rf"{name} cannot be a task: only functions at the top level"):
                decorate(refused)


def use(own: Pynenc) -> Any:
    return own.task(add)(1)


def test_an_unknown_setting_is_refused_with_the_nearest_name(in_tmp_dir: Path) -> None:
    with pytest.raises(ConfigError, match=r"code: unknown setting 'max_thread' \(did you mean 'max_threads'\?\)"):
        use(Pynenc(config_values={"max_thread": 1}))
    file = in_tmp_dir / "settings.toml"
    file.write_text("[task]\nmax_retrys = 1\n")
    with pytest.raises(ConfigError, match=r"settings\.toml \[task\]: unknown setting 'max_retrys' .*'max_retries'"):
        use(Pynenc(config_filepath=str(file)))


def test_an_unknown_variable_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynenc.conf.catalog._warned", set())  # it is said once a process
    monkeypatch.setenv("PYNENC__MAX_THREADZ", "1")
    with pytest.warns(PynencConfigWarning, match=r"PYNENC__MAX_THREADZ is no setting.*PYNENC__MAX_THREADS"):
        use(Pynenc())


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PYNENC__LEASE_SECONDS", "soon", r"lease_seconds = 'soon' from environment PYNENC__L\w+: expected .*30s"),
        ("PYNENC__LEASE_SECONDS", "0", r"lease_seconds = '0' from .*LEASE_SECONDS: expected .*at least 1"),
        ("PYNENC__ENGINE", "paper", r"engine = 'paper' from environment PYNENC__ENGINE: expected one of memory"),
        ("PYNENC__CONFIGTASK__MAX_RETRIES", "x", r"max_retries = 'x' from environment .*: expected an integer"),
        ("PYNENC__RUNNING_CONCURRENCY", "1", r"running_concurrency = '1' from .*: expected one of disabled, task, arg"),
    ],
)  # fmt: skip
def test_a_bad_value_in_the_environment(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=words):
        use(Pynenc())


def test_a_bad_value_in_a_file(in_tmp_dir: Path) -> None:
    file = in_tmp_dir / "settings.json"
    file.write_text(json.dumps({"auto_runner": "maybe"}))
    with pytest.raises(ConfigError, match=r"auto_runner = 'maybe' from file .*settings\.json: expected true, false"):
        use(Pynenc(config_filepath=str(file)))


def test_a_missing_file(in_tmp_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*absent\.toml \(named by config_filepath\): No such file"):
        use(Pynenc(config_filepath="absent.toml"))
    monkeypatch.setenv("PYNENC__FILEPATH", "gone.toml")
    with pytest.raises(ConfigError, match=r"gone\.toml \(named by environment PYNENC__FILEPATH\)"):
        use(Pynenc())


@pytest.mark.parametrize("name", ["a b", "x" * 65, "a/b", "é", "a{b}", 5], ids=str)
def test_an_app_id_of_other_characters(name: Any) -> None:
    with pytest.raises(ValueError, match=r"app_id = .*expected 1 to 64 of the characters"):
        Pynenc(name)
    with pytest.raises(ConfigError, match=r"app_id = .* from code: expected 1 to 64"):
        _ = Pynenc(config_values={"app_id": name}).app_id
