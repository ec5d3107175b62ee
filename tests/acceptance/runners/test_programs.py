"""Programs that hold their own tasks, and run them in worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

LIMIT_SECONDS = 50

HEAD = """
import os
from pynenc import Pynenc
app = Pynenc(config_values={
    "app_id": os.environ["PROGRAM_APP"], "engine": "redis", "redis_url": os.environ["PROGRAM_URL"],
    "runner_cls": "PersistentProcessRunner", "num_processes": 2, "logging_level": "warning", "ship_main": SHIP,
})
"""
TASKS = """
class Mine(Exception):
    pass

@app.task
def where() -> tuple[int, str]:
    return os.getpid(), __name__

@app.task
def fib(n: int) -> int:
    if n < 2:
        return n
    first, second = fib(n - 1), fib(n - 2)
    return first.result + second.result

@app.task
def fails() -> None:
    raise Mine("as asked")
"""
USE = """
def use_it():
    with app.running():
        pid, name = where().get(timeout=30)
        assert pid != os.getpid()
        try:
            fails().get(timeout=30)
        except Exception as error:
            print(name, fib(8).get(timeout=30), type(error).__name__)
"""
GUARDED = '\nif __name__ == "__main__":\n    use_it()\n'

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path, redis_url: str) -> Run:
    environment = {"PROGRAM_APP": f"program-{os.getpid()}-{tmp_path.name}"[:64], "PROGRAM_URL": redis_url}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    return call


def head(*, ship: bool = False) -> str:
    return HEAD.replace("SHIP", str(ship))


def test_a_script(run, tmp_path):
    (tmp_path / "shop.py").write_text(head() + TASKS + USE + GUARDED, "utf-8")
    done = run("shop.py")
    assert done.stdout == "shop 21 Mine\n", done.stderr


def test_a_module_run_as_a_program(run, tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "shop.py").write_text(head() + TASKS + USE + GUARDED, "utf-8")
    done = run("-m", "pack.shop")
    assert done.stdout == "pack.shop 21 Mine\n", done.stderr


@pytest.mark.parametrize("runner", ["PersistentProcessRunner", "MultiThreadRunner", "ProcessRunner"])
def test_a_script_without_the_guard_is_shown_it(run, tmp_path, runner):
    whole = head().replace("PersistentProcessRunner", runner) + TASKS + USE + "\nuse_it()\n"
    (tmp_path / "shop.py").write_text(whole, "utf-8")
    done = run("shop.py")
    assert done.returncode == 1
    assert 'if __name__ == "__main__":' in done.stderr
    assert f"{tmp_path / 'shop.py'}:" in done.stderr


def test_a_program_without_a_file_says_what_can_be_done(run):
    done = run("-c", head() + TASKS + USE + "use_it()")
    assert done.returncode == 1
    assert "set ship_main=True" in done.stderr


def test_a_program_without_a_file_can_ship_its_functions(run):
    done = run("-c", head(ship=True) + TASKS + USE + "use_it()")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("__main__ 21 "), done.stderr


def test_a_program_that_forgets_to_stop_its_runner_ends_it(run, tmp_path):
    forgetful = (
        "\nif __name__ == '__main__':\n    app.runner.start_background()\n    print(where().get(timeout=30)[0])\n"
    )
    (tmp_path / "shop.py").write_text(head() + TASKS + forgetful, "utf-8")
    done = run("shop.py")
    assert done.returncode == 0, done.stderr
    assert not Path(f"/proc/{done.stdout.strip()}").exists()


# -- what a program has of its own ----------------------------------------------------------------
STATE = """
import asyncio, faulthandler, logging, multiprocessing, os, signal, sys, threading

def state():
    root = logging.getLogger()
    return {
        "start method": multiprocessing.get_start_method(allow_none=True),
        "signal handlers": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "wakeup": signal.set_wakeup_fd(-1),
        "root logger": (root.level, root.disabled, list(root.handlers), list(root.filters)),
        "logging": (logging.raiseExceptions, logging.getLoggerClass(), logging.getLogRecordFactory()),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.gettrace(), sys.getprofile()),
        "interpreter": (sys.getswitchinterval(), sys.getrecursionlimit(), threading.stack_size()),
        "loop policy": type(asyncio.get_event_loop_policy()),
        "faulthandler": faulthandler.is_enabled(),
        "process": (dict(os.environ), sys.path[:], sys.argv[:], os.getcwd(), os.getpgid(0)),
        "threads": len(threading.enumerate()),
    }

def compare(before):
    changed = {name: (was, state()[name]) for name, was in before.items() if state()[name] != was}
    print(changed or "the same")
"""
IMPORTS = """
import importlib, pkgutil
before = state()
import pynenc
for module in pkgutil.walk_packages(pynenc.__path__, "pynenc."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
compare(before)
"""
RUNS = """
if __name__ == "__main__":
    before = state()
    for name in ("ThreadRunner", "PersistentProcessRunner"):
        app.conf.runner_cls, app.runner = name, None
        with app.running():
            where().get(timeout=30)
    compare(before)
"""


def test_importing_every_module_changes_nothing_for_others(run, tmp_path):
    (tmp_path / "plain.py").write_text(STATE + IMPORTS, "utf-8")
    done = run("plain.py")
    assert done.stdout == "the same\n", done.stderr


def test_a_runner_in_the_background_leaves_the_program_as_it_was(run, tmp_path):
    (tmp_path / "shop.py").write_text(STATE + head() + TASKS + RUNS, "utf-8")
    done = run("shop.py")
    assert done.stdout == "the same\n", done.stderr
