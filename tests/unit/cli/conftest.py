"""Directories with applications in them, and the modules of each forgotten at the end."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pynenc.cli.main_cli import run

SHOP = """
from pynenc import Pynenc

app = Pynenc(app_id="shop")


@app.task(max_retries=3, retry_for=(OSError,))
def add(a: int, b: int) -> int:
    return a + b


@app.task
async def wait() -> None:
    pass
"""


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Write files (path to text) into an empty working directory; what they import is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    for name in ("PYNENC_APP", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        importlib.invalidate_caches()
        return tmp_path

    yield write
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def shop(project: Callable[..., Path]) -> Path:
    """A working directory with one application, ``shop:app``."""
    return project({"shop.py": SHOP})


@pytest.fixture
def pynenc(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run one command line in this process."""

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = run(arguments)
        return Outcome(int(code), *capsys.readouterr())

    return call
