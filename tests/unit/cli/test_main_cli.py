"""What can be typed, what comes back, and how the process is to end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pynenc._core import __version__
from pynenc.cli import discover, list_tasks, main_cli, show_config
from pynenc.cli.exit_codes import ExitCode
from pynenc.conf.config_field import MASK
from pynenc.exceptions import ConfigError, EngineClosedError
from pynenc.runner.thread_runner import ABANDONED

Pynenc = Callable[..., Any]
Write = Callable[[dict[str, str]], Path]


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(main_cli.cli)))


# -- help -----------------------------------------------------------------------------------------
def test_the_commands() -> None:
    assert set(COMMANDS) == {
        (),
        ("demo",),
        ("runner",),
        ("runner", "start"),
        ("config",),
        ("config", "show"),
        ("tasks",),
        ("version",),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_says_what_it_is_and_shows_an_example(pynenc: Pynenc, path: tuple[str, ...]) -> None:
    outcome = pynenc(*path, "--help")
    assert outcome.code == ExitCode.OK
    assert "Example: pynenc" in outcome.out
    assert outcome.err == ""
    assert COMMANDS[path].help


def test_the_exit_codes_are_documented(pynenc: Pynenc) -> None:
    text = " ".join(pynenc("--help").out.split())
    assert text.count("Exit codes:") == 1
    for code in ExitCode:
        assert f" {int(code)} " in text
    assert ExitCode.ABANDONED == ABANDONED


@pytest.mark.parametrize("path", [(), ("runner",), ("config",)], ids=" ".join)
def test_a_group_alone_shows_its_help(pynenc: Pynenc, path: tuple[str, ...]) -> None:
    outcome = pynenc(*path)
    assert outcome.code == ExitCode.USAGE
    assert "Usage: pynenc" in outcome.out
    assert "COMMAND" in outcome.out


def test_help_loads_neither_the_library_nor_the_application() -> None:
    probe = (
        "import sys\nfrom pynenc.cli.main_cli import run\n"
        "before = set(sys.modules)\ncode = run(['--help'])\n"
        "ours = sorted(name for name in sys.modules if name.startswith('pynenc'))\n"
        "print(code, ours, 'rich' in before, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    ours = ["pynenc", "pynenc.cli", "pynenc.cli.exit_codes", "pynenc.cli.main_cli", "pynenc.cli.session"]
    assert done.stderr.strip() == f"0 {ours} False"


# -- usage errors ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["taks"], ["'taks'", "tasks"]),
        (["runner", "strat"], ["'strat'", "start", "pynenc runner --help"]),
        (["tasks", "--jsn"], ["--jsn", "--json", "pynenc tasks --help"]),
        (["runner", "start", "--slots", "0"], ["--slots"]),
        (["runner", "start", "--slots", "many"], ["--slots"]),
        (["demo", "--items", "0"], ["--items"]),
        (["demo", "--engine", "disk"], ["'disk'", "accepted: local, memory, redis"]),
        (["demo", "--engine", "memroy"], ["'memroy'", "accepted: local, memory, redis"]),
        (["version", "more"], ["more", "pynenc version --help"]),
    ],
)
def test_a_wrong_command_line(pynenc: Pynenc, arguments: list[str], words: list[str]) -> None:
    outcome = pynenc(*arguments)
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    assert outcome.err.startswith("pynenc: ")
    assert outcome.err.count("\n") == 1
    for word in words:
        assert word in outcome.err


# -- how errors end -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x is wrong"), ExitCode.USAGE),
        (EngineClosedError("x is wrong"), ExitCode.FAILED),
        (ConnectionRefusedError("x is wrong"), ExitCode.UNREACHABLE),
        (TimeoutError("x is wrong"), ExitCode.TIMEOUT),
        (KeyError("x is wrong"), ExitCode.FAILED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_and_exit_codes(
    pynenc: Pynenc, shop: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: ExitCode
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(list_tasks, "list_tasks", fail)
    outcome = pynenc("tasks")
    assert outcome.code == code
    assert "Traceback" not in outcome.err
    assert ("x is wrong" in outcome.err) or code is ExitCode.INTERRUPTED
    assert "Traceback" in pynenc("-v", "tasks").err or code is ExitCode.INTERRUPTED


def test_an_unexpected_error_says_how_to_see_more(pynenc: Pynenc, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_tasks, "list_tasks", lambda *_, **__: {}["missing"])
    assert "-v" in pynenc("tasks").err


def test_the_application_cannot_be_found(pynenc: Pynenc, project: Write) -> None:
    project({})
    for arguments in (["tasks"], ["config", "show"], ["runner", "start"]):
        outcome = pynenc(*arguments)
        assert outcome.code == ExitCode.USAGE
        assert outcome.out == ""
        assert "no application found" in outcome.err


# -- tasks ----------------------------------------------------------------------------------------
def test_tasks(pynenc: Pynenc, shop: Path) -> None:
    outcome = pynenc("tasks")
    assert outcome.code == ExitCode.OK
    assert outcome.out.splitlines() == ["shop.add\tsync\tretry_for=OSError, max_retries=3", "shop.wait\tasync\t"]


def test_tasks_as_json(pynenc: Pynenc, shop: Path) -> None:
    lines = pynenc("--app", "shop:app", "tasks", "--json").out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"task": "shop.add", "kind": "sync", "options": {"retry_for": ["OSError"], "max_retries": 3}},
        {"task": "shop.wait", "kind": "async", "options": {}},
    ]


def test_options_from_the_environment_are_listed(pynenc: Pynenc, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__CONFIGTASK__SHOP__ADD__MAX_RETRIES", "7")
    assert "max_retries=7" in pynenc("tasks").out


def test_no_task_at_all(pynenc: Pynenc, project: Write) -> None:
    project({"empty.py": "from pynenc import Pynenc\nqueue = Pynenc()\n"})
    outcome = pynenc("tasks")
    assert outcome.code == ExitCode.NOTHING_TO_DO
    assert outcome.out == ""
    assert "empty:queue has no task" in outcome.err


def test_the_application_may_stand_behind_the_command_too(pynenc: Pynenc, project: Write) -> None:
    project({"one.py": "from pynenc import Pynenc\napp = Pynenc()\n", "two.py": "from one import app\n"})
    assert "two:app" in pynenc("--app", "one:app", "tasks", "--app", "two:app").err


# -- config show ----------------------------------------------------------------------------------
def settings(outcome: Any) -> dict[tuple[str, str], dict[str, Any]]:
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    return {(row["section"], row["setting"]): row for row in rows}


def test_every_setting_is_shown(pynenc: Pynenc, shop: Path) -> None:
    outcome = pynenc("config", "show", "--json")
    found = settings(outcome)
    assert outcome.code == ExitCode.OK
    assert {section for section, _ in found} == {
        "pynenc",
        "orchestrator",
        "broker",
        "argcache",
        "threadrunner",
        "local",
        "task",
    }
    app = discover.find_app("shop:app").app
    for part in show_config._parts(app):
        section = show_config.section_of(type(part).__name__)
        assert {name for own, name in found if own == section} == set(part.fields())
    for row in found.values():
        assert list(row) == ["section", "setting", "value", "source", "meaning"]
        assert row["source"]
        assert row["meaning"]


def test_where_values_came_from(pynenc: Pynenc, project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'from pynenc import Pynenc\napp = Pynenc(app_id="mine", config_values={"max_losses": 4})\n'
    project({"mine.py": text, "pyproject.toml": "[tool.pynenc]\nmax_threads = 3\n"})
    monkeypatch.setenv("PYNENC__LEASE_SECONDS", "30s")
    found = settings(pynenc("config", "show", "--json"))
    shown = {name: (row["value"], row["source"]) for (_, name), row in found.items()}
    assert shown["app_id"] == ("mine", "constructor")
    assert shown["max_losses"] == (4, "code")
    assert shown["max_threads"] == (3, "pyproject.toml [tool.pynenc]")
    assert shown["lease_seconds"] == (30.0, "environment PYNENC__LEASE_SECONDS")
    assert shown["engine"] == ("memory", "default")


def test_sources_are_a_column(pynenc: Pynenc, shop: Path) -> None:
    without = pynenc("config", "show").out.splitlines()
    with_sources = pynenc("config", "show", "--sources").out.splitlines()
    assert "pynenc\tengine\tmemory" in without
    assert "pynenc\tengine\tmemory\tdefault" in with_sources
    assert len(without) == len(with_sources) >= 30


def test_secrets_are_masked(pynenc: Pynenc, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__SIGNING_KEY", "open-sesame")
    for arguments in (["--json"], ["--sources"], []):
        outcome = pynenc("config", "show", *arguments)
        assert "open-sesame" not in outcome.out + outcome.err
        assert MASK in outcome.out


def test_a_bad_setting(pynenc: Pynenc, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__LEASE_SECONDS", "soon")
    outcome = pynenc("config", "show")
    assert outcome.code == ExitCode.USAGE
    assert "lease_seconds" in outcome.err
    assert "PYNENC__LEASE_SECONDS" in outcome.err


# -- the rest -------------------------------------------------------------------------------------
def test_version(pynenc: Pynenc) -> None:
    assert pynenc("version").out.startswith(f"pynenc {__version__} (")
    assert pynenc("--version").out == f"pynenc {__version__}\n"
    assert set(json.loads(pynenc("version", "--json").out)) == {"version", "build", "python"}


def test_no_color(pynenc: Pynenc, project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")  # a dumb one has no colours to leave out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "")  # so that it is put back
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[3" in pynenc("--help").out or "\x1b[1;3" in pynenc("--help").out
    assert "\x1b[3" not in pynenc("--no-color", "--help").out
    assert "\x1b[1;3" not in pynenc("--no-color", "--help").out


@pytest.mark.parametrize(("option", "level"), [("-v", "debug"), ("-q", "warning"), ("--verbose", "debug")])
def test_how_much_is_logged(pynenc: Pynenc, shop: Path, option: str, level: str) -> None:
    assert settings(pynenc(option, "config", "show", "--json"))["pynenc", "logging_level"]["value"] == level


# -- runner start ---------------------------------------------------------------------------------
@pytest.fixture
def stopped_runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Runners that were to run: they return at once."""
    from pynenc.runner.thread_runner import ThreadRunner

    runners: list[Any] = []
    monkeypatch.setattr(ThreadRunner, "run", lambda self: runners.append(self))
    return runners


def test_what_the_runner_prints_first(pynenc: Pynenc, shop: Path, stopped_runs: list[Any]) -> None:
    outcome = pynenc("--app", "shop:app", "runner", "start", "--slots", "3")
    assert outcome.code == ExitCode.OK
    assert outcome.out.splitlines() == [
        f"pynenc  {__version__}",
        "app     shop:app (id shop)",
        "engine  memory, in this process",
        "runner  ThreadRunner, 3 slots",
        "tasks   2",
        "lease   15 s",
    ]
    assert "no other program can reach it" in outcome.err
    assert [runner.max_parallel_slots for runner in stopped_runs] == [3]


def test_fewer_slots_than_the_settings_want_at_least(
    pynenc: Pynenc, shop: Path, stopped_runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYNENC__MIN_THREADS", "8")
    monkeypatch.setenv("PYNENC__MIN_PARALLEL_SLOTS", "6")
    assert "ThreadRunner, 1 slot\n" in pynenc("runner", "start", "--slots", "1").out
    assert [runner.max_parallel_slots for runner in stopped_runs] == [1]


def test_a_quiet_runner_only_warns(pynenc: Pynenc, project: Write, stopped_runs: list[Any]) -> None:
    project({"empty.py": "from pynenc import Pynenc\nqueue = Pynenc()\n"})
    outcome = pynenc("-q", "runner", "start")
    assert outcome.out == ""
    assert "warning: empty:queue has no task" in outcome.err
    assert len(stopped_runs) == 1


def test_another_runner(pynenc: Pynenc, shop: Path, stopped_runs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__RUNNER_CLS", "DummyRunner")
    outcome = pynenc("runner", "start")
    assert outcome.code == ExitCode.USAGE
    assert "DummyRunner runs nothing" in outcome.err
    assert pynenc("runner", "start", "--runner", "ThreadRunner").code == ExitCode.OK
    outcome = pynenc("runner", "start", "--runner", "ProcessRunner")
    assert outcome.code == ExitCode.USAGE
    # other tests may have left runners of their own
    accepted = outcome.err.partition("accepted: ")[2]
    assert "DummyRunner" in accepted
    assert "ThreadRunner" in accepted
    assert len(stopped_runs) == 1
