"""An application for worker processes: a module in a folder of the test, on a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TASKS = Path(__file__).with_name("tasks.py")
PATIENCE = 50.0
_numbers = count(1)

Work = Callable[..., ModuleType]


@pytest.fixture
def make_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> Iterator[Work]:
    """Make the module of tasks with these settings: ``make_work("ProcessRunner", num_processes=1)``."""
    made: list[ModuleType] = []

    def make(runner: str, **settings: Any) -> ModuleType:
        name = f"runner_work_{os.getpid()}_{next(_numbers)}"
        config = {
            "app_id": name,
            "engine": "redis",
            "redis_url": redis_url,
            "runner_cls": runner,
            "logging_level": "info",
            **settings,
        }
        monkeypatch.setenv("RUNNER_TESTS_CONFIG", json.dumps(config))
        monkeypatch.syspath_prepend(str(tmp_path))
        (tmp_path / f"{name}.py").write_text(TASKS.read_text("utf-8"), "utf-8")
        module = import_module(name)
        made.append(module)
        return module

    yield make
    for module in made:
        module.app.runner.stop_runner_loop()
        module.app.purge()
        module.app.runtime.engine.close()
        del sys.modules[module.__name__]


@pytest.fixture
def start_command(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``pynenc runner start`` for a module, with more arguments; it is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(work: ModuleType, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pynenc", "--app", f"{work.__name__}:app", "runner", "start", *arguments]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


class HostCache:
    """Where one test has the cache of large values that worker processes share."""

    def __init__(self, above: Path) -> None:
        self.above = above
        self.root = above / f"pynenc-values-{os.geteuid()}"
        self.settings = {"host_cache_dir": str(above)}

    def folders(self) -> list[Path]:
        """One an application."""
        return list(self.root.iterdir()) if self.root.exists() else []

    def names(self) -> list[str]:
        """What is in the folders."""
        return [path.name for folder in self.folders() for path in folder.iterdir()]


@pytest.fixture
def host_cache(tmp_path: Path) -> HostCache:
    above = tmp_path / "above"
    above.mkdir(mode=0o700)
    return HostCache(above)


def until(condition: Callable[[], Any], what: str = "it did not come to that") -> Any:
    """Wait until the condition holds, and for no longer than a test may take; its value."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is only left to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def read_when_written(path: Path) -> str:
    """The text of a file that somebody is about to write."""
    return str(until(lambda: path.exists() and path.read_text("utf-8"), f"nobody wrote {path.name}"))
