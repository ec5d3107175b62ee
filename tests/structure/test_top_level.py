"""The root holds what it must and nothing else."""

from __future__ import annotations

from tests.structure.tree import ROOT

FOLDERS = {"python", "rust", "tests", "benches"}
FILES = {"Cargo.toml", "pyproject.toml", "README.md"}
BESIDE = {".ci", "docs", "Cargo.lock", "CHANGELOG.md", "DESIGN.md", "LICENSE"}
# Left by tools, and ignored by git.
BUILT = {"target", "dist"}


def test_only_the_agreed_names_stand_at_the_root() -> None:
    found = {path.name for path in ROOT.iterdir()}
    assert found >= FOLDERS | FILES
    strangers = {name for name in found - FOLDERS - FILES - BESIDE - BUILT if not name.startswith(".")}
    assert not strangers


def test_what_git_ignores_covers_what_tools_leave() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    assert {"/target/", "/dist/"} <= set(ignored)


def test_the_scripts_of_ci_are_all_there() -> None:
    assert {path.name for path in (ROOT / ".ci").iterdir()} >= {"run", "soak", "bench"}
