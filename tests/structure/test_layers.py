"""The import contracts of pyproject.toml hold, and they look at a whole package."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import grimp
import pytest

from tests.structure.tree import ROOT

LEAST_MODULES = 40
LEAST_IMPORTS = 80

LINT = Path(sysconfig.get_path("scripts")) / "lint-imports"


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("pynenc", cache_dir=None)


def test_the_contracts_are_kept() -> None:
    done = subprocess.run(
        [sys.executable, str(LINT), "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kept, 0 broken" in done.stdout


def test_the_graph_is_the_whole_package(graph: grimp.ImportGraph) -> None:
    assert len(graph.modules) >= LEAST_MODULES, sorted(graph.modules)
    assert graph.count_imports() >= LEAST_IMPORTS


def test_every_source_file_is_in_the_graph(graph: grimp.ImportGraph) -> None:
    """The contract is checked on the installed package: one that is out of date would hide a new module."""
    package = ROOT / "python"
    sources = {
        ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        for path in (package / "pynenc").rglob("*.py")
    }
    assert graph.modules == sources, "the installed package is not this source tree: install it again"


def test_nothing_below_the_app_imports_the_root(graph: grimp.ImportGraph) -> None:
    """Such an import loads the app from below, and `from pynenc import _core` looks the same to the graph."""
    above = ("pynenc.__main__", "pynenc.cli", "pynenc.demo")
    importers = [name for name in graph.find_modules_that_directly_import("pynenc") if not name.startswith(above)]
    assert not importers, f"write `from pynenc.<module> import <name>` in {sorted(importers)}"
