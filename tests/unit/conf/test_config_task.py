from __future__ import annotations

import concurrent.futures
import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynenc.conf import ConcurrencyControlType, ConfigTask
from pynenc.conf.config_task import (
    TaskOptionsJSONEncoder,
    exception_config_mapper,
    exception_mapper,
    options_deserializer,
)
from pynenc.exceptions import ConfigError, InvalidTaskOptionsError, RetryError

TASK = "my.module.work"


class LocalError(Exception):
    """Of this test."""

    class InnerError(Exception):
        """A nested one."""


@pytest.fixture(autouse=True)
def _empty_directory(in_tmp_dir: Path) -> None:
    """No file is found by accident."""


def test_defaults() -> None:
    assert {setting.field: setting.value for setting in ConfigTask(TASK).provenance()} == {
        "parallel_batch_size": 100,
        "retry_for": (RetryError,),
        "max_retries": 0,
        "running_concurrency": ConcurrencyControlType.DISABLED,
        "registration_concurrency": ConcurrencyControlType.DISABLED,
        "key_arguments": (),
        "on_diff_non_key_args_raise": False,
        "call_result_cache": False,
        "disable_cache_args": (),
        "max_run_seconds": 0.0,
    }
    assert [str(mode) for mode in ConcurrencyControlType] == ["disabled", "task", "arguments", "keys"]
    assert ConfigTask(TASK).task_id == TASK


# -- precedence -----------------------------------------------------------------------------------
LEVELS = ["code", "code_own", "file", "env", "class_env", "decorator", "own_file", "own_env_dunder", "own_env"]
EXPECTED = {
    "code": "code",
    "code_own": f'code [task."{TASK}"]',
    "file": "file given.json [task]",
    "env": "environment PYNENC__MAX_RETRIES",
    "class_env": "environment PYNENC__CONFIGTASK__MAX_RETRIES",
    "decorator": f"decorator of {TASK}",
    "own_file": f'file given.json [task."{TASK}"]',
    "own_env_dunder": "environment PYNENC__CONFIGTASK__MY__MODULE__WORK__MAX_RETRIES",
    "own_env": "environment PYNENC__CONFIGTASK__MY#MODULE#WORK__MAX_RETRIES",
}


@given(st.sets(st.sampled_from(LEVELS)), st.booleans())
def test_the_strongest_of_any_set_of_sources_wins(
    tmp_path_factory: pytest.TempPathFactory, chosen: set[str], nested: bool
) -> None:
    number = {level: index for index, level in enumerate(LEVELS, 10)}
    values: dict[str, Any] = {"max_retries": number["code"]} if "code" in chosen else {}
    if "code_own" in chosen:
        values["task"] = {TASK: {"max_retries": number["code_own"]}}
    section: dict[str, Any] = {"max_retries": number["file"]} if "file" in chosen else {}
    if "own_file" in chosen:
        own = {"max_retries": number["own_file"]}
        section |= {"my": {"module": {"work": own}}} if nested else {TASK: own}
    section |= {"my.module.work.other": {"max_retries": 99}, "my.module": {"max_retries": 98}}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("levels"))
        Path("given.json").write_text(json.dumps({"task": section}))
        for level in ("env", "class_env", "own_env", "own_env_dunder"):
            if level in chosen:
                patch.setenv(EXPECTED[level].removeprefix("environment "), str(number[level]))
        options = {"max_retries": number["decorator"]} if "decorator" in chosen else None
        conf = ConfigTask(TASK, values, "given.json", options)
    winner = max(chosen, key=LEVELS.index, default="")
    assert conf.max_retries == number.get(winner, 0)
    assert conf.source_of("max_retries") == EXPECTED.get(winner, "default")


def test_another_task_s_settings_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__CONFIGTASK__MY#MODULE#OTHER__MAX_RETRIES", "5")
    Path("pyproject.toml").write_text(
        '[tool.pynenc.task."my.module.other"]\nmax_retries = 4\n[tool.pynenc.task]\nmax_retries = 3\n'
    )
    assert ConfigTask(TASK).max_retries == 3
    monkeypatch.delenv("PYNENC__CONFIGTASK__MY#MODULE#OTHER__MAX_RETRIES")
    assert ConfigTask("my.module.other").max_retries == 4


def test_the_file_of_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.toml").write_text("max_retries = 1\n[task.my.module.work]\nretry_for = ['ValueError']\n")
    monkeypatch.setenv("PYNENC__CONFIGTASK__FILEPATH", "a.toml")
    conf = ConfigTask(TASK, None, None, {"retry_for": (KeyError,), "max_retries": 2})
    assert (conf.retry_for, conf.max_retries) == ((ValueError,), 2)


def test_one_task_s_options_never_leak() -> None:
    values: dict[str, Any] = {"max_retries": 1, "task": {"key_arguments": ["a"]}}
    before = copy.deepcopy(values)
    names = ["x"]
    options = {"max_retries": 3, "key_arguments": names}
    first = ConfigTask(TASK, values, None, options)
    names.append("y")
    options["max_retries"] = 9
    second = ConfigTask("my.module.other", values, None, {"call_result_cache": True})
    assert (first.max_retries, first.key_arguments) == (3, ("x",))
    assert (second.max_retries, second.key_arguments) == (1, ("a",))
    assert ConfigTask("my.module.third", values).call_result_cache is False
    assert values == before
    assert ConfigTask.options_from_json(first.options_to_json())["max_retries"] == 3


def test_a_mutable_option_that_is_changed_later_does_not_change_the_options() -> None:
    names = ["x"]
    conf = ConfigTask(TASK, None, None, {"key_arguments": names})
    names.append("y")
    assert ConfigTask.options_from_json(conf.options_to_json()) == {"key_arguments": ("x",)}


# -- bad input ------------------------------------------------------------------------------------
def test_unknown_option() -> None:
    with pytest.raises(InvalidTaskOptionsError) as caught:
        ConfigTask(TASK, None, None, {"max_retries": 1, "retries": 2})
    assert str(caught.value) == f"InvalidTaskOptionsError({TASK}): Invalid options: ['retries']"


def test_options_that_were_not_given() -> None:
    conf = ConfigTask(TASK, {"max_retries": 2}, None, {"max_retries": None})
    assert (conf.max_retries, conf.options_to_json()) == (2, "{}")


def test_bad_option() -> None:
    with pytest.raises(
        ConfigError, match=rf"^max_retries = 'x' from decorator of {TASK}: expected an integer, at least 0$"
    ):
        ConfigTask(TASK, None, None, {"max_retries": "x"})


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ({TASK: {"max_retrys": 1}}, rf"code \[task\] of {TASK}"),
        ({"my": {"module": {"work": {"max_retrys": 1}}}}, rf"code \[task\] of {TASK}"),
        ({"max_retrys": 1}, r"code \[task\]"),
    ],
)
def test_unknown_key_in_a_section(section: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{where}: unknown setting 'max_retrys' \(did you mean 'max_retries'\?\)"):
        ConfigTask("some.other", {"task": section})


@pytest.mark.parametrize(
    "text", ["nothing.here", "ValueErrr", "builtins.int", "os.path", "", "KeyError,no.such", "..", "[1]"]
)
def test_bad_exception_name_in_the_environment(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PYNENC__RETRY_FOR", text)
    if not text:
        assert ConfigTask(TASK).retry_for == ()
        return
    with pytest.raises(
        ConfigError, match=r"^retry_for = .* from environment PYNENC__RETRY_FOR: expected a list of exc"
    ):
        ConfigTask(TASK)


def test_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__RETRY_FOR", "ValueError, pynenc.exceptions.RetryError,json.decoder.JSONDecodeError")
    monkeypatch.setenv("PYNENC__KEY_ARGUMENTS", "account,x")
    monkeypatch.setenv("PYNENC__DISABLE_CACHE_ARGS", '["*"]')
    monkeypatch.setenv("PYNENC__RUNNING_CONCURRENCY", "KEYS")
    monkeypatch.setenv("PYNENC__CALL_RESULT_CACHE", "false")
    monkeypatch.setenv("PYNENC__MAX_RUN_SECONDS", "5m")
    conf = ConfigTask(TASK)
    assert conf.retry_for == (ValueError, RetryError, json.JSONDecodeError)
    assert (conf.key_arguments, conf.disable_cache_args) == (("account", "x"), ("*",))
    assert conf.running_concurrency is ConcurrencyControlType.KEYS
    assert (conf.call_result_cache, conf.max_run_seconds) == (False, 300.0)


# -- exception names ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ValueError", ValueError),
        ("builtins.OSError", OSError),
        ("pynenc.exceptions.RetryError", RetryError),
        ("json.decoder.JSONDecodeError", json.JSONDecodeError),
        ("concurrent.futures.CancelledError", concurrent.futures.CancelledError),
        (KeyError, KeyError),
    ],
)
def test_exception_mapper(value: object, expected: type[Exception]) -> None:
    assert exception_mapper(value) is expected


@pytest.mark.parametrize(
    "value",
    ["NoSuchError", "no.such.Error", "json.NoSuchError", "int", "KeyboardInterrupt", "", 3, bool, SystemExit],
)
def test_bad_exception_name(value: object) -> None:
    with pytest.raises(TypeError, match=r"exception class"):
        exception_mapper(value)


def test_a_module_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, in_tmp_dir: Path) -> None:
    Path("broken_module_of_test.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(in_tmp_dir)
    with pytest.raises(TypeError, match="ZeroDivisionError"):
        exception_mapper("broken_module_of_test.SomeError")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ValueError, (ValueError,)),
        ((ValueError, "KeyError"), (ValueError, KeyError)),
        (["OSError"], (OSError,)),
        ("OSError,KeyError", (OSError, KeyError)),
        ('["OSError"]', (OSError,)),
        ((), ()),
    ],
)
def test_exception_config_mapper(value: object, expected: tuple[type[Exception], ...]) -> None:
    assert exception_config_mapper(value) == expected


@pytest.mark.parametrize("value", [3, None, [3], (int,), "[", {"a": 1}])
def test_no_exceptions(value: object) -> None:
    with pytest.raises(TypeError):
        exception_config_mapper(value)


# -- options as JSON ------------------------------------------------------------------------------
OPTIONS = {
    "max_retries": 3,
    "retry_for": (ValueError, RetryError, json.JSONDecodeError),
    "running_concurrency": ConcurrencyControlType.KEYS,
    "key_arguments": ("a", "b"),
    "disable_cache_args": ("*",),
    "call_result_cache": True,
    "max_run_seconds": 1.5,
}


def test_options_round_trip() -> None:
    text = ConfigTask(TASK, None, None, OPTIONS).options_to_json()
    assert json.loads(text)["retry_for"] == [
        "builtins.ValueError",
        "pynenc.exceptions.RetryError",
        "json.decoder.JSONDecodeError",
    ]
    assert ConfigTask.options_from_json(text) == OPTIONS


def test_nested_classes_have_names_too() -> None:
    text = json.dumps({"retry_for": [LocalError.InnerError]}, cls=TaskOptionsJSONEncoder)
    assert json.loads(text) == {"retry_for": [f"{__name__}.LocalError.InnerError"]}


def test_encoder_refuses_the_rest() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps({"a": object()}, cls=TaskOptionsJSONEncoder)


def test_deserializer() -> None:
    assert options_deserializer({"key_arguments": ["a"], "running_concurrency": "keys", "unknown": [1]}) == {
        "key_arguments": ("a",),
        "running_concurrency": ConcurrencyControlType.KEYS,
        "unknown": [1],
    }
    with pytest.raises(TypeError, match=r"no exception class 'no\.such'"):
        options_deserializer({"retry_for": ["no.such"]})
    with pytest.raises(TypeError, match="JSON object, not list"):
        ConfigTask.options_from_json("[]")


def test_pickling() -> None:
    conf = ConfigTask(TASK, {"max_retries": 2}, None, {"key_arguments": ("a",)})
    assert pickle.loads(pickle.dumps(conf)).provenance() == conf.provenance()


def test_no_such_name_in_the_module() -> None:
    from pynenc.conf import config_task

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = config_task.nothing
